"""What is built from models."""

from xentjax.models.bijections import Affine, Exp, Power
from xentjax.models.built import Built, Density
from xentjax.models.censored import Censored, interval_censored, right_censored, rounded
from xentjax.models.links import Link
from xentjax.models.mixture import Mixture
from xentjax.models.ordinal import Ordinal
from xentjax.models.predictors import Linear, Network
from xentjax.models.regression import Regression
from xentjax.models.transformed import Scaled, Shifted, Transformed
from xentjax.models.truncated import Truncated
from xentjax.models.zeros import Hurdle, ZeroInflated

__all__ = [
    "Affine",
    "Built",
    "Censored",
    "Density",
    "Exp",
    "Hurdle",
    "Linear",
    "Link",
    "Mixture",
    "Network",
    "Ordinal",
    "Power",
    "Regression",
    "Scaled",
    "Shifted",
    "Transformed",
    "Truncated",
    "ZeroInflated",
    "interval_censored",
    "right_censored",
    "rounded",
]
