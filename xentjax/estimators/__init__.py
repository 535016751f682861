"""Estimators: other ways to a fit than straight down the likelihood, each one a source or a sequence of sources.

`expectation_maximization` re-weights the data for each component of a mixture; `train` takes them batch by batch.
"""

from xentjax.estimators.expectation_maximization import expectation_maximization
from xentjax.estimators.minibatches import Training, train

__all__ = ["Training", "expectation_maximization", "train"]
