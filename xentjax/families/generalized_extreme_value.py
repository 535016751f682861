"""The generalised extreme value distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma, log_gamma, trigamma
from xentjax._nodes import NODES, WEIGHTS
from xentjax._numerics import EULER_GAMMA, as_float, expm1_minus, expm1_ratio, log1p_over, quotient
from xentjax._select import select
from xentjax.families.family import Family, within_support
from xentjax.families.gumbel import Gumbel, gumbel_tails
from xentjax.families.laplace import sample_quantile
from xentjax.parameters import Parameter, positive, real
from xentjax.sources import Empirical, extremes
from xentjax.statistics import identity, square
from xentjax.supports import REAL

# Data of a few points have maxima at several shapes: a start from their own quantiles alone finds the lower one.
SHAPES = (-0.7, -0.4, -0.1, 0.2, 0.6, 1.2)


class GeneralizedExtremeValue(Family):
    """GeneralizedExtremeValue(loc, scale, shape), with ξ = shape and z = (x − loc) / scale, where 1 + ξ z > 0.

    log q(x) = −(1 + ξ) y − exp(−y) − log scale with y = log(1 + ξ z) / ξ, which is z at ξ = 0: smooth through there.
    It has no finite set of statistics: a cross-entropy to it needs points. The likelihood grows without bound for
    ξ < −1; what a fit finds is the maximum above that.

    Args:
      loc: the location.
      scale: the scale, > 0.
      shape: the tail index: > 0 for a heavy right tail, 0 for Gumbel(loc, scale), < 0 for an upper end. The mean exists
        for shape < 1, the variance for shape < 1/2.

    >>> import xentjax as xj
    >>> round(xj.GeneralizedExtremeValue(0.0, 1.0, 0.5).log_prob(0.0).item(), 5)
    -1.0

    See also: `scipy.stats.genextreme(-shape, loc, scale)`: scipy's `c` is minus our `shape`.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)
    shape: Parameter = real(0.0)

    support = REAL

    def ends(self) -> tuple[Any, Any]:
        shape = jnp.asarray(self.shape)
        end = self.loc - self.scale / select(shape == 0, 1.0, shape)
        return select(shape > 0, end, -jnp.inf), select(shape < 0, end, jnp.inf)

    def contains(self, x: Array) -> Array:
        # as the formula sees it; the end itself has no density
        return self.support.contains(x) & ~(self.shape * ((x - self.loc) / self.scale) <= -1)

    @property
    def interior(self) -> Any:
        return self.loc

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.contains(x)
        y = self._standard(select(within, x, self.loc))
        return within_support(within, x, -(1 + self.shape) * y - jnp.exp(-y) - jnp.log(self.scale))

    def _standard(self, x: Array) -> Array:
        """The value of the standard Gumbel distribution that x is made from."""
        z = quotient(x - self.loc, self.scale)
        return z * log1p_over(self.shape * z)

    def expectations(self) -> dict:
        return {identity: self.mean, square: self.variance}

    @classmethod
    def start(cls, source: Any) -> Self:
        """The likeliest of `SHAPES`, each through the quantiles at which y is −1 and 2, moved to exclude no point."""
        gumbel = Gumbel.start(source)
        if not isinstance(source, Empirical):
            return cls(gumbel.loc, gumbel.scale, jnp.zeros_like(gumbel.scale))
        low, high = (sample_quantile(source, level) for level in (0.065988, 0.873423))
        shape = jnp.asarray(SHAPES, low.dtype)
        # what scale multiplies
        up, down = 2 * expm1_ratio(2 * shape), expm1_ratio(-shape)
        scale = (high - low) / (up + down)
        # among ties the quantiles are no scale
        loc = select(high > low, low + scale * down, gumbel.loc)
        scale = select(high > low, scale, gumbel.scale)
        least, greatest = extremes(source)
        above, below = jnp.maximum(greatest - loc, 0), jnp.maximum(loc - least, 0)
        starts = cls(loc, scale, jnp.clip(shape, -0.9 * scale / above, 0.9 * scale / below))
        likeliest = jnp.argmax(jax.vmap(lambda start: source.expect(start.log_prob))(starts))
        return jax.tree.map(lambda values: values[likeliest], starts)

    @property
    def mean(self) -> Array:
        shape = jnp.asarray(self.shape)
        finite = shape < 1
        return select(finite, self.loc + self.scale * _mean(select(finite, shape, 0.0)), jnp.inf)

    @property
    def variance(self) -> Array:
        shape = jnp.asarray(self.shape)
        finite = shape < 0.5
        return select(finite, self.scale**2 * _variance(select(finite, shape, 0.0)), jnp.inf)

    def entropy(self) -> Array:
        """H(self), in nats."""
        return 1 + EULER_GAMMA * (1 + jnp.asarray(self.shape)) + jnp.log(self.scale)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self.constrain(jax.random.gumbel(key, shape, jnp.result_type(self.scale)))

    def tails(self, x: Array) -> tuple[Array, Array]:
        within = self.contains(x)
        below, above = gumbel_tails(self._standard(select(within, x, self.loc)))
        # the end rounds: what is not beyond it, but has no density, is at it
        end = jnp.asarray(self.shape) > 0
        least = select(end, -jnp.inf, 0.0), select(end, 0.0, -jnp.inf)
        return select(within, below, least[0]), select(within, above, least[1])

    def inverse(self, probability: Array) -> Array:
        return self.constrain(-jnp.log(-jnp.log(probability)))

    def constrain(self, coordinate: Array) -> Array:
        return self.loc + self.scale * coordinate * expm1_ratio(self.shape * coordinate)

    def coordinate(self) -> tuple[Array, Array]:
        return jnp.full_like(self.scale, EULER_GAMMA), jnp.ones_like(self.scale)


def _mean(shape: Array) -> Array:
    """(Γ(1 − ξ) − 1) / ξ for ξ < 1: near 0 the mean of −Γ′(1 − u ξ) over u in [0, 1]."""
    near = jnp.abs(shape) < 0.3
    points = 1 - select(near, shape, 0.0)[..., None] * jnp.asarray(NODES, shape.dtype)
    close = -(digamma(points) * jnp.exp(log_gamma(points))) @ jnp.asarray(WEIGHTS, shape.dtype)
    safe = select(near, -0.5, shape)
    return select(near, close, jnp.expm1(log_gamma(1 - safe)) / safe)


def _variance(shape: Array) -> Array:
    """(Γ(1 − 2ξ) − Γ(1 − ξ)²) / ξ² for ξ < ½: near 0 by the second difference of log Γ(1 − ξ), an integral of ψ′."""
    near = jnp.abs(shape) < 0.15
    step, nodes = select(near, shape, 0.0), jnp.asarray(NODES, shape.dtype)
    u = step[..., None] * jnp.concatenate([nodes, 2 - nodes])
    close = trigamma(1 - u) @ jnp.tile(jnp.asarray(WEIGHTS, shape.dtype) * nodes, 2)
    # expm1(ξ² c) / ξ²
    moved = step != 0
    size = select(moved, step, 1.0) ** 2
    close = close + select(moved, expm1_minus(size * close) / size, 0.0)
    safe = select(near, -0.5, shape)
    far = jnp.expm1(log_gamma(1 - 2 * safe) - 2 * log_gamma(1 - safe)) / safe**2
    return jnp.exp(2 * log_gamma(1 - shape)) * select(near, close, far)
