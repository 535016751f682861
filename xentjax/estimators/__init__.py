"""Estimators: other ways to a fit than straight down the likelihood, each one a source or a sequence of sources.

`expectation_maximization` re-weights the data for each component of a mixture.
"""

from xentjax.estimators.expectation_maximization import expectation_maximization

__all__ = ["expectation_maximization"]
