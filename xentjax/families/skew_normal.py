"""The skew normal distribution."""

import math
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erf

from xentjax._nodes import cut_depth, stretch_nodes
from xentjax._numerics import HALF_LOG_2PI, as_float, linear_minus_log, log1mexp, polynomial, quotient
from xentjax._select import select
from xentjax._tails import log_normal_tails
from xentjax.cumulants import cumulant
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, positive, real, signed
from xentjax.statistics import distance, identity, square, summarize
from xentjax.supports import REAL

_HALF_NORMAL = math.sqrt(2 / math.pi)
# 1 − erf(u / √2) / (u √(2/π)) in powers of u²: at 1 the rest is below 1e-17
_ERF = [(-1) ** k / (2 ** (k + 1) * math.factorial(k + 1) * (2 * k + 3)) for k in range(14)]


class SkewNormal(Family):
    """SkewNormal(loc, scale, shape), for real x, with z = (x − loc) / scale.

    log q(x) = log 2 + log φ(z) + log Φ(shape · z) − log scale. It has no finite set of statistics, and its entropy no
    closed form: both need points. Near shape 0 the likelihood is flat along a curve, and samples of some dozen points
    may have their maximum at an infinite shape.

    Args:
      loc: the location, not the mean.
      scale: the scale, > 0, not the standard deviation.
      shape: any number, negative for a long left tail; 0 gives Normal(loc, scale).

    >>> import xentjax as xj
    >>> round(xj.SkewNormal(0.0, 1.0, 3.0).log_prob(0.0).item(), 5)  # of Normal(0, 1), whatever the shape
    -0.91894

    See also: `scipy.stats.skewnorm(shape, loc, scale)`: scipy's `a` is our `shape`.

    Reference: Azzalini (1985), A class of distributions which includes the normal ones, Scand. J. Statist. 12.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)
    shape: Parameter = signed(0.0)

    support = REAL

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        z = quotient(select(within, x, 0.0) - self.loc, self.scale)
        skew = math.log(2) + log_normal_tails(self.shape * z)[0]
        return within_support(within, x, -0.5 * z * z - HALF_LOG_2PI + skew - jnp.log(self.scale))

    @property
    def _delta(self) -> Array:
        shape = jnp.asarray(self.shape)
        return shape / jnp.hypot(shape, jnp.ones_like(shape))

    def expectations(self) -> dict:
        return {identity: self.mean, square: self.variance, distance: self._distance, cumulant: self._cumulant}

    def _distance(self, point: Array) -> Array:
        # twice the mean excess over the point, on the side away from the mean
        lower = point < self.mean
        z = (point - self.loc) / self.scale
        z, shape = select(lower, -z, z), select(lower, -self.shape, self.shape)
        root = jnp.hypot(shape, jnp.ones_like(shape))
        density = 2 * jnp.exp(-0.5 * z * z - HALF_LOG_2PI + log_normal_tails(shape * z)[0])
        rise = shape / root * _HALF_NORMAL * jnp.exp(log_normal_tails(-z * root)[0])
        tail = jnp.exp(skew_normal_tails(z, shape)[1])
        return 2 * self.scale * jnp.maximum(density + rise - z * tail, 0.0)

    def _cumulant(self, t: Array) -> Array:
        # ½ v² + log 2Φ(u) − u √(2/π), the second part in three that do not cancel near 0
        v = self.scale * t
        u = self._delta * v
        near = jnp.abs(u) < 1
        w = select(near, u, 0.0)
        e = erf(w / math.sqrt(2))
        close = 0.5 * v * v - linear_minus_log(e, 1 + e) - _HALF_NORMAL * w**3 * polynomial(_ERF, w * w)
        tail = log_normal_tails(select(near, 1.0, u))[0]
        return select(near, close, 0.5 * v * v + math.log(2) + tail - u * _HALF_NORMAL)

    @classmethod
    def start(cls, source: Any) -> Self:
        """From mean, variance and skewness, which is brought into the range that this family has."""
        mean, variance = summarize(source, (identity, square))
        size = jnp.sqrt(variance)
        skewness = source.expect(lambda x: ((identity(x) - mean) / size) ** 3)
        # skewness = ½ (4 − π) m³ / (1 − m²)^1.5 with m = δ √(2/π)
        root = jnp.cbrt(2 / (4 - math.pi) * jnp.clip(jnp.abs(skewness), 0.02, 0.9))
        m = root / jnp.sqrt(1 + root * root) * select(skewness < 0, -1.0, 1.0).astype(root.dtype)
        scale, delta = size / jnp.sqrt(1 - m * m), m / _HALF_NORMAL
        return cls(mean - scale * m, scale, delta / jnp.sqrt(1 - delta * delta))

    @property
    def mean(self) -> Array:
        return self.loc + self.scale * self._delta * _HALF_NORMAL

    @property
    def variance(self) -> Array:
        return jnp.asarray(self.scale) ** 2 * (1 - (self._delta * _HALF_NORMAL) ** 2)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        one, other = jax.random.normal(key, (2, *shape), jnp.result_type(self.scale))
        rest = 1 / jnp.hypot(jnp.asarray(self.shape), jnp.ones_like(jnp.asarray(self.shape)))
        return self.loc + self.scale * (self._delta * jnp.abs(one) + rest * other)

    def tails(self, x: Array) -> tuple[Array, Array]:
        return skew_normal_tails((x - self.loc) / self.scale, jnp.asarray(self.shape))

    def coordinate(self) -> tuple[Array, Array]:
        return self.mean, jnp.sqrt(self.variance)


def skew_normal_tails(z: Array, shape: Array) -> tuple[Array, Array]:
    """log F(z) and log(1 − F(z)) at loc 0 and scale 1.

    With J(h, a) = ½ π⁻¹ ∫ exp(−½ h² (1 + t²)) / (1 + t²) dt, twice, over t > a: from z outwards, h = |z|, it is
    J(h, a) for a skew a towards the middle and 2Φ(−h) − J(h, a) for one outwards; the rest is erf(h / √2) more than
    that of the opposite skew. Nothing cancels.
    """
    lower = z < 0
    h, a = select(lower, -z, z), select(lower, -shape, shape)
    inwards = a < 0
    log_j = _log_wedge(h, select(inwards, -a, a))
    log_both = math.log(2) + log_normal_tails(h)[1]
    rest = select(inwards, 1.0, erf(h / math.sqrt(2)) + jnp.exp(log_j))
    few = rest < 0.5
    outer = select(inwards, log_j, log_both + jnp.log1p(-jnp.exp(log_j - log_both)))
    outer = select(few, jnp.log1p(-select(few, rest, 0.0)), outer)
    inner = select(few, jnp.log(rest), log1mexp(select(few, -1.0, outer)))
    return select(lower, outer, inner), select(lower, inner, outer)


def _log_wedge(h: Array, a: Array) -> Array:
    """log of π⁻¹ ∫ exp(−½ h² (1 + t²)) / (1 + t²) dt over t > a ≥ 0, for h ≥ 0."""
    square = 1 + a * a
    return jnp.log(_wedge(h, a) / (math.pi * jnp.sqrt(square))) - 0.5 * h * h * square


@jax.custom_jvp
def _wedge(h: Array, a: Array) -> Array:
    """The integral in v = arsinh t − arsinh a, relative to the integrand at v = 0."""
    depth = cut_depth(h)
    size, reach = jnp.hypot(a, jnp.ones_like(a)), jnp.hypot(h * a, jnp.full_like(h, math.sqrt(2 * depth)))
    width = jnp.arcsinh(2 * depth / (h * (reach * size + a * jnp.hypot(h, reach))))
    v, weights = stretch_nodes(jnp.minimum(width, depth), 64)
    sinh = jnp.sinh(v)
    # cosh(u + v) / cosh(u) and sinh(2 u + v) with u = arsinh a
    ratio = jnp.cosh(v) + (a / size)[..., None] * sinh
    fall = sinh * ((2 * a * size)[..., None] * jnp.cosh(v) + (1 + 2 * a * a)[..., None] * sinh)
    return jnp.sum(weights * jnp.exp(-0.5 * (h * h)[..., None] * fall) / ratio, -1)


@_wedge.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (h, a), (dh, da) = primals, tangents
    value, square = _wedge(h, a), 1 + a * a
    mills = jnp.exp(log_normal_tails(h * a)[1] + 0.5 * (h * a) ** 2 + HALF_LOG_2PI)
    slope_h = value * h * square - mills * jnp.sqrt(square)
    slope_a = value * (h * h * a + a / square) - 1 / jnp.sqrt(square)
    return value, slope_h * dh + slope_a * da
