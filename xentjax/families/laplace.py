"""The Laplace distribution."""

import math
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import expm1_minus, linear_minus_log, quotient
from xentjax._select import select
from xentjax.cumulants import cumulant
from xentjax.families.exponential import Exponential
from xentjax.families.family import Family
from xentjax.parameters import Parameter, positive, real
from xentjax.sources import Empirical
from xentjax.statistics import distance, identity, square, summarize
from xentjax.supports import REAL


class Laplace(Family):
    """Laplace(loc, scale): log q(x) = −|x − loc| / scale − log(2 scale), for real x.

    The mean absolute error is its cross-entropy at a fixed scale, up to constants. The likelihood has a kink at each
    data point, and its maximum over loc is the median: a fit to data puts loc there, wherever it starts. The derivative
    in loc is taken as the subgradient nearest to 0 and its curvature as the model's own, 1 / scale², which is what
    standard errors need.

    Args:
      loc: mean and median.
      scale: the mean distance from loc, > 0.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> xj.fit_mle(xj.Laplace, jnp.array([1.0, 2.0, 6.0])).model
    Laplace(loc=2, scale=1.66667)

    See also: `scipy.stats.laplace(loc, scale)`.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)

    support = REAL

    @property
    def quantile_level(self) -> Array:
        """Of which loc is the quantile of data."""
        return jnp.asarray(0.5)

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (identity, distance(self.loc))

    def log_prob_of(self, x: Array, spread: Array) -> Array:
        return -quotient(jnp.abs(x - self.loc) + spread, self.scale) - jnp.log(2 * self.scale)

    def expectations(self) -> dict:
        return {identity: self.loc, square: self.variance, distance: self._distance, cumulant: self._cumulant}

    def _distance(self, point: Array) -> Array:
        return self.scale * jnp.exp(-jnp.abs(self.loc - point) / self.scale)

    def _cumulant(self, t: Array) -> Array:
        s = self.scale * t
        finite = jnp.abs(s) < 1
        return select(finite, -jnp.log1p(-select(finite, s * s, 0.0)), jnp.inf)

    @classmethod
    def start(cls, source: Any) -> Self:
        if isinstance(source, Empirical):
            loc = sample_quantile(source, 0.5)
            return cls(loc, source.expect(lambda x: jnp.abs(x - loc)))
        mean, variance = summarize(source, (identity, square))
        return cls(mean, jnp.sqrt(0.5 * variance))

    def order_statistics(self, source: Any) -> dict:
        return {"loc": sample_quantile(source, 0.5)} if isinstance(source, Empirical) else {}

    @property
    def mean(self) -> Array:
        return jnp.asarray(self.loc)

    @property
    def variance(self) -> Array:
        return 2 * jnp.asarray(self.scale) ** 2

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self.loc + self.scale * jax.random.laplace(key, shape, jnp.result_type(self.scale))

    def tails(self, x: Array) -> tuple[Array, Array]:
        far = -jnp.abs(x - self.loc) / self.scale - math.log(2)
        near = jnp.log1p(-jnp.exp(far))
        return select(x < self.loc, far, near), select(x < self.loc, near, far)

    def inverse(self, probability: Array) -> Array:
        lower = probability < 0.5
        distance = -jnp.log(2 * select(lower, probability, 1 - probability))
        return self.loc + self.scale * select(lower, -distance, distance)

    def kl_to(self, q: "Laplace") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        distance, ratio = jnp.abs(self.loc - q.loc) / self.scale, self.scale / q.scale
        return linear_minus_log((self.scale - q.scale) / q.scale, ratio) + ratio * expm1_minus(-distance)

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        # an exponential distribution on either side of the kink
        distances, weights = Exponential(1 / jnp.asarray(self.scale)).quadrature_rule(num_points // 2)
        return jnp.concatenate([self.loc - distances, self.loc + distances]), 0.5 * jnp.tile(weights, 2)


def sample_quantile(source: Empirical, level: float) -> Array:
    """The weighted quantile, at 0.5 the median; where an interval qualifies, its middle."""
    x = identity(source.data)
    weights = jnp.ones_like(x) if source.weights is None else source.weights
    order = jnp.argsort(x)
    total = jnp.cumsum(weights[order])
    part, slack = level * total[-1], 4 * jnp.finfo(total.dtype).eps * total[-1]
    last = x.shape[0] - 1
    lower = jnp.minimum(jnp.searchsorted(total, part - slack, side="left"), last)
    upper = jnp.minimum(jnp.searchsorted(total, part + slack, side="right"), last)
    # the sums round: a share within that slack is the level; a point of weight 0 cannot end the interval
    return 0.5 * (x[order][lower] + x[order][upper])
