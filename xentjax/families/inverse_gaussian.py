"""The inverse Gaussian distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._nodes import cut_depth, stretch_nodes
from xentjax._numerics import HALF_LOG_2PI, expm1_minus, linear_minus_log, quotient
from xentjax._select import select
from xentjax._tails import in_order
from xentjax.cumulants import cumulant, inverse, log_cumulant
from xentjax.families.family import Family, distance_from
from xentjax.families.gamma_power import unless_infinite
from xentjax.parameters import Parameter, positive
from xentjax.statistics import distance, identity, log, log_square, minus_log, square, summarize
from xentjax.supports import POSITIVE

# Of the trapezoidal rule in log x: the integrand falls doubly exponentially on both sides, over at most 60 units.
_NUM_NODES = 256


class InverseGaussian(Family):
    """InverseGaussian(mean, shape), the time in which a Brownian motion with drift reaches a level, for x > 0.

    log q(x) = ½ log(shape / 2π) − (3 / 2) log x − shape (x − mean)² / (2 mean² x).

    Args:
      mean: > 0.
      shape: λ, > 0; the variance is mean³ / shape.

    >>> import xentjax as xj
    >>> xj.InverseGaussian(2.0, 4.0).variance.item()
    2.0

    See also: `scipy.stats.invgauss(mean / shape, scale=shape)`; numpyro has none; statmod's `dinvgauss(x, mean, shape)`
    in R; its other name, Wald, is at times kept for mean = shape.

    Reference: Michael, Schucany & Haas (1976), for the sampler.
    """

    mean: Parameter = positive(1.0)
    shape: Parameter = positive(1.0)

    support = POSITIVE
    statistics = (identity, minus_log, inverse)

    def log_prob_of(self, x: Array, gap: Array, spread: Array) -> Array:
        # E (x − mean)² / (mean² x), from the mean and E 1/x − 1 / E x
        relative = quotient(x, self.mean) - 1
        distance = relative * relative / x + spread
        value = 0.5 * jnp.log(self.shape) - HALF_LOG_2PI - 1.5 * (jnp.log(x) - gap) - 0.5 * self.shape * distance
        return unless_infinite(x, value)

    def expectations(self) -> dict:
        mean, shape = jnp.asarray(self.mean), jnp.asarray(self.shape)
        ratio = shape / mean
        y, weights = _log_rule(ratio, jnp.zeros_like(ratio))
        gap = jnp.sum(weights * expm1_minus(y))  # E x / mean = 1
        return {
            identity: mean,
            square: self.variance,
            minus_log: gap,
            inverse: 1 / shape,
            log: jnp.log(mean) - gap,
            log_square: jnp.sum(weights * (y + gap) ** 2),
            log_cumulant: lambda k: _log_cumulant(ratio, gap, k),
            cumulant: self._cumulant,
            distance: self._distance,
        }

    def _cumulant(self, t: Array) -> Array:
        # (shape / mean) (1 − √(1 − u) − u / 2)
        u = 2 * self.mean * (self.mean / self.shape) * t
        finite = u <= 1
        root = jnp.sqrt(select(u < 1, 1 - u, 1.0))
        root = select(u < 1, root, 0.0)
        return select(finite, 0.5 * self.shape / self.mean * (u / (1 + root)) ** 2, jnp.inf)

    def _distance(self, point: Array) -> Array:
        # x is weighted by x / mean as mean² / x is by 1
        return distance_from(point, self.mean, lambda c: (self.tails(c), self.tails(self.mean * (self.mean / c))[::-1]))

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, _, spread = summarize(source, cls.statistics)
        return cls(mean, 1 / spread)

    @property
    def variance(self) -> Array:
        return self.mean**2 * (self.mean / self.shape)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        # the smaller of the two roots with this chi-squared distance, or else the larger, mean² / root
        key, other = jax.random.split(key)
        dtype = jnp.result_type(self.shape)
        w = 0.5 * jax.random.normal(key, shape, dtype) ** 2 * self.mean / self.shape
        root = 1 / (1 + w + jnp.sqrt(w * (w + 2)))
        smaller = jax.random.uniform(other, shape, dtype) * (1 + root) <= 1
        return self.mean * select(smaller, root, 1 / root)

    def tails(self, x: Array) -> tuple[Array, Array]:
        """With z = √(shape / x) (x / mean − 1) and v = √(shape / x) (x / mean + 1), v² = z² + 4 shape / mean:

        P = φ(z) ∫ exp(−t² / 2) (exp(z t) + exp(−v t)) dt and 1 − P = φ(z) ∫ exp(−t² / 2) (exp(−z t) − exp(−v t)) dt.
        """
        root = jnp.sqrt(self.shape / x)
        z = root * ((x - self.mean) / self.mean)
        lower = z < -1
        size = select(lower, -z, z)
        # v less |z|: where it is small the exponentials nearly cancel, where it is large each has a width of its own
        step = 2 * select(lower, root * (x / self.mean), root)
        near = step < 4
        t, weights = _normal_nodes(size)
        other = -jnp.expm1(-select(near, step, 0.0)[..., None] * t)
        kernel = weights * jnp.exp(-t * (size[..., None] + 0.5 * t))
        v = size + step
        s, inner = _normal_nodes(v)
        second = jnp.sum(inner * jnp.exp(-s * (v[..., None] + 0.5 * s)), -1)
        first = jnp.sum(kernel, -1)
        above = select(near, jnp.sum(kernel * other, -1), first - second)
        integral = select(lower, first + second, above)
        return in_order(lower, jnp.log(integral) - 0.5 * z * z - HALF_LOG_2PI)

    def kl_to(self, q: "InverseGaussian") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        shapes = linear_minus_log((q.shape - self.shape) / self.shape, q.shape / self.shape)
        relative = (self.mean - q.mean) / q.mean
        return 0.5 * (shapes + q.shape / self.mean * relative * relative)


def _normal_nodes(slope: Array) -> tuple[Array, Array]:
    """Nodes and weights for exp(−slope t − t² / 2) over t > 0."""
    depth = cut_depth(slope)
    return stretch_nodes(jax.lax.stop_gradient(2 * depth / (slope + jnp.sqrt(slope * slope + 2 * depth))), 64)


def _log_rule(ratio: Array, k: Array) -> tuple[Array, Array]:
    """Nodes and probabilities of y = log(x / mean), whose density is ∝ exp(−y / 2 − ratio (cosh y − 1)).

    The nodes reach as far as exp(k y) makes it matter.
    """
    depth = 10 + cut_depth(ratio)
    slope, fixed = jnp.abs(jax.lax.stop_gradient(k)) + 1, jax.lax.stop_gradient(ratio)
    far = jnp.arccosh(1 + depth / fixed)
    far = jnp.arccosh(1 + (depth + slope * far) / fixed)
    far = jnp.arccosh(1 + (depth + slope * far) / fixed)
    y = far * jnp.linspace(-1.0, 1.0, _NUM_NODES, dtype=ratio.dtype)
    # cosh y − 1
    fall = ratio * 2 * jnp.sinh(0.5 * y) ** 2
    return y, jax.nn.softmax(-0.5 * y - fall)


def _log_cumulant(ratio: Array, gap: Array, k: Array) -> Array:
    y, weights = _log_rule(ratio, k)
    exponent = k * (y + gap)
    far = jax.nn.logsumexp(exponent + jnp.log(weights))
    near = jnp.log1p(jnp.sum(weights * expm1_minus(jnp.minimum(exponent, 30.0))))
    return select(far < 1, near, far)
