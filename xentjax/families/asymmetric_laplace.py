"""The asymmetric Laplace distribution."""

import dataclasses
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float, expm1_minus, linear_minus_log, quotient, relative_entropy_term
from xentjax._select import select
from xentjax.cumulants import cumulant
from xentjax.families.exponential import Exponential
from xentjax.families.family import Family
from xentjax.families.laplace import sample_quantile
from xentjax.parameters import Parameter, positive, real
from xentjax.sources import Empirical
from xentjax.statistics import Spread, distance, identity, square, summarize
from xentjax.supports import REAL, UNIT_INTERVAL

# without a map to the real line: a level is chosen, never fitted
LEVEL = dataclasses.replace(UNIT_INTERVAL, free=None)


class AsymmetricLaplace(Family):
    """AsymmetricLaplace(loc, scale, level): log q(x) = log(level (1 − level)) − log scale − ρ((x − loc) / scale).

    For real x. ρ(u) = level · u where u > 0 and (level − 1) u elsewhere: the quantile (pinball) loss is its
    cross-entropy at a fixed scale, up to constants. loc is the quantile of that level, and the maximum over it is the
    quantile of the data: a fit to data puts loc there, wherever it starts. The likelihood has a kink at each data
    point; as for `Laplace` the derivative in loc is the subgradient nearest to 0, and its curvature the model's own,
    level (1 − level) / scale².

    level is never fitted: it is ½, or that of an instance, as in `fit_mle(AsymmetricLaplace(level=0.9), x)`.

    Args:
      loc: the quantile of the level, and the mode.
      scale: the mean of ρ(x − loc), > 0.
      level: the probability below loc, strictly between 0 and 1; ½ gives Laplace(loc, 2 scale).

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 6.0, 8.0, 9.0])
    >>> xj.fit_mle(xj.AsymmetricLaplace(level=0.7), x).model
    AsymmetricLaplace(loc=8, scale=1.04, level=0.7)

    See also: `scipy.stats.laplace_asymmetric(kappa, loc, b)` with kappa = √(level / (1 − level)) and
    b = scale / √(level (1 − level)); `statsmodels.QuantReg`, the loss alone, without a scale.

    Reference: Yu & Moyeed (2001), Bayesian quantile regression, Statistics & Probability Letters 54.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)
    level: Parameter = dataclasses.field(default=0.5, metadata={"support": LEVEL})  # type: ignore[assignment]

    support = REAL

    @property
    def quantile_level(self) -> Array:
        """Of which loc is the quantile of data."""
        return jnp.asarray(self.level)

    @property
    def _rates(self) -> tuple[Array, Array]:
        """Of the exponential distributions below and above loc."""
        return (1 - self.level) / self.scale, self.level / self.scale

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (identity, tilted_distance(self.loc, 2 * self.level - 1))

    def log_prob_of(self, x: Array, spread: Array) -> Array:
        # 2 ρ(u) = |u| + (2 level − 1) u
        u, tilt = x - self.loc, 2 * self.level - 1
        peak = jnp.log(self.level) + jnp.log1p(-self.level) - jnp.log(self.scale)
        return peak - 0.5 * quotient(jnp.abs(u) + tilt * u + spread, self.scale)

    def expectations(self) -> dict:
        return {identity: self.mean, square: self.variance, distance: self._distance, cumulant: self._cumulant}

    def _distance(self, point: Array) -> Array:
        """E|x − c| − |mean − c|: twice the mean excess over c on the side away from loc."""
        (below, above), u = self._rates, point - self.loc
        excess = 2 * select(
            u < 0,
            self.level / below * jnp.exp(below * jnp.minimum(u, 0.0)),
            (1 - self.level) / above * jnp.exp(-above * jnp.maximum(u, 0.0)),
        )
        # the mean may lie on that side too
        beyond = select(u < 0, point - self.mean, self.mean - point)
        return jnp.maximum(excess - 2 * jnp.maximum(beyond, 0.0), 0.0)

    def _cumulant(self, t: Array) -> Array:
        # of the difference of two exponential variables
        below, above = self._rates
        finite = (t < above) & (t > -below)
        up, down = select(finite, -t / above, 0.0), select(finite, t / below, 0.0)
        return select(finite, linear_minus_log(up, 1 + up) + linear_minus_log(down, 1 + down), jnp.inf)

    @classmethod
    def start(cls, source: Any) -> Self:
        if isinstance(source, Empirical):
            loc = sample_quantile(source, 0.5)
            return cls(loc, 0.5 * source.expect(lambda x: jnp.abs(x - loc)))
        mean, variance = summarize(source, (identity, square))
        return cls(mean, jnp.sqrt(0.125 * variance))

    def order_statistics(self, source: Any) -> dict:
        if not isinstance(source, Empirical):
            return {}
        return {"loc": sample_quantile(source, self.level)}  # type: ignore[arg-type]

    @property
    def mean(self) -> Array:
        below, above = self._rates
        return self.loc + 1 / above - 1 / below

    @property
    def variance(self) -> Array:
        below, above = self._rates
        return 1 / above**2 + 1 / below**2

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        below, above = self._rates
        down, up = jax.random.exponential(key, (2, *shape), jnp.result_type(self.scale))
        return self.loc + up / above - down / below

    def tails(self, x: Array) -> tuple[Array, Array]:
        (below, above), u = self._rates, x - self.loc
        left = jnp.log(self.level) + below * jnp.minimum(u, 0.0)
        right = jnp.log1p(-self.level) - above * jnp.maximum(u, 0.0)
        return select(u < 0, left, jnp.log1p(-jnp.exp(right))), select(u < 0, jnp.log1p(-jnp.exp(left)), right)

    def inverse(self, probability: Array) -> Array:
        (below, above), lower = self._rates, probability < self.level
        left = jnp.log(select(lower, probability / self.level, 1.0)) / below
        right = -jnp.log(select(lower, 1.0, (1 - probability) / (1 - self.level))) / above
        return self.loc + select(lower, left, right)

    def kl_to(self, q: "AsymmetricLaplace") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        shares, levels = jnp.stack([self.level, 1 - self.level]), jnp.stack([q.level, 1 - q.level])
        # at equal loc: of the sides, then of the exponential distributions on them, whose means have the ratio 1 + s
        scales, tilt = self.scale / q.scale, jnp.stack([self.level - q.level, q.level - self.level])
        s = (self.scale - q.scale) / q.scale + scales * tilt / shares[::-1]
        sizes = scales * levels[::-1] / shares[::-1]
        apart = relative_entropy_term(shares, levels) + shares * linear_minus_log(s, sizes)
        # the other loc lies below or above, where it cuts into one side
        distance = self.loc - q.loc
        rates = jnp.stack(self._rates)
        rate, share, slope = (select(distance > 0, v[0], v[1]) for v in (rates, shares, levels))
        size = jnp.abs(distance)
        moved = (slope - share) * size + share / rate * expm1_minus(-rate * size)
        return jnp.sum(apart, 0) + moved / q.scale

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        # an exponential distribution on either side of the kink
        below, above = self._rates
        down, weights = Exponential(below).quadrature_rule(num_points // 2)
        up, _ = Exponential(above).quadrature_rule(num_points // 2)
        shares = jnp.concatenate([self.level * weights, (1 - self.level) * weights])
        return jnp.concatenate([self.loc - down, self.loc + up]), shares


def tilted_distance(loc: Array, tilt: Array) -> Spread:
    """|x − loc| + tilt (x − loc). Over points its derivative is the subgradient nearest to 0, as that of `distance`."""

    def average(x: Array, weights: Any, m: Array) -> Array:
        y = as_float(x)
        shares = jnp.full_like(y, 1 / y.shape[0]) if weights is None else weights / jnp.sum(weights)
        total = mean_tilted_distance(y, shares.astype(y.dtype), loc, tilt)
        return total - jnp.abs(m - loc) - tilt * (m - loc)

    # what is linear in x has no spread: who knows the one knows the other
    return dataclasses.replace(distance(loc), average=average)


@jax.custom_jvp
def mean_tilted_distance(y: Array, shares: Array, loc: Array, tilt: Array) -> Array:
    """Σ sharesᵢ (|yᵢ − loc| + tilt (yᵢ − loc)), which has a kink at each point.

    Its slope in loc vanishes at the quantile of the level (1 + tilt) / 2; the slope's own derivative is the curvature
    that asymmetric Laplace data have, (1 − tilt²) over this mean.
    """
    return jnp.sum(shares * (jnp.abs(y - loc) + tilt * (y - loc)))


@mean_tilted_distance.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (y, shares, loc, tilt), (dy, dshares, dloc, dtilt) = primals, tangents
    by_points = jnp.sum(dshares * (jnp.abs(y - loc) + tilt * (y - loc)) + shares * (jnp.sign(y - loc) + tilt) * dy)
    by_tilt = jnp.sum(shares * (y - loc)) * dtilt
    return mean_tilted_distance(*primals), _subgradient(*primals) * dloc + by_points + by_tilt


@jax.custom_jvp
def _subgradient(y: Array, shares: Array, loc: Array, tilt: Array) -> Array:
    net = jnp.sum(shares * (jnp.sign(loc - y) - tilt))
    tied = jnp.sum(select(y == loc, shares, 0.0))
    # the sums round: what is below their rounding is no slope
    return jnp.sign(net) * jnp.maximum(jnp.abs(net) - tied - 4 * jnp.finfo(y.dtype).eps, 0.0)


@_subgradient.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return _subgradient(*primals), (1 - primals[3] ** 2) * tangents[2] / mean_tilted_distance(*primals)
