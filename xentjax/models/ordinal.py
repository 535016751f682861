"""Ordered categories: which of the intervals between cuts an unseen number lies in."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.families.family import within_support
from xentjax.families.logistic import Logistic
from xentjax.models.censored import Censored
from xentjax.parameters import Parameter, ordered, real
from xentjax.records import aside, record
from xentjax.supports import COUNTS


@record
class Ordinal:
    """Ordinal(cuts): P(y ≤ k) = F(cuts[k] − loc), for y = 0, ..., the number of cuts.

    With a predictor of loc it is the cumulative logit model (proportional odds), or with normal errors the probit
    model: `Regression(Ordinal(jnp.array([0.0, 1.0])), loc=Linear(intercept=False))`. A constant would move all cuts
    alike, so that nothing determines it; without a predictor loc is 0.

    Args:
      cuts: increasing numbers [k − 1] between k categories, the values to start from.
      loc: where the unseen number lies; larger is later in the order.
      errors: its distribution about loc, one with `log_cdf`, as `Normal(0.0, 1.0)`; None is `Logistic(0.0, 1.0)`. It is
        never fitted, as its scale is that of the cuts.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> y = xj.Ordinal(jnp.array([0.0, 1.0]))
    >>> [round(jnp.exp(y.log_prob(k)).item(), 4) for k in (0, 1, 2)]
    [0.5, 0.2311, 0.2689]

    See also: `statsmodels.miscmodels.OrderedModel`; R's `MASS::polr`, with the same signs.
    """

    cuts: Parameter = ordered()
    loc: Any = real(None)
    errors: Any = aside(None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cuts", as_float(self.cuts))

    def log_prob(self, y: Any) -> Array:
        """log P(y) of one category, in nats."""
        cuts, y = jnp.asarray(self.cuts), as_float(y)
        within = COUNTS.contains(y) & (y <= cuts.shape[-1])
        infinite = jnp.full((1,), jnp.inf, cuts.dtype)
        ends = jnp.concatenate([-infinite, cuts, infinite]) - (0.0 if self.loc is None else self.loc)
        k = select(within, y, 0).astype(int)
        seen = Censored(self.errors or Logistic(0.0, 1.0), ("left", "interval", "right"))
        return within_support(within, y, seen.log_prob((ends[k], ends[k + 1])))
