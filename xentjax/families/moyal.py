"""The Moyal distribution."""

import math
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erfinv, ndtri

from xentjax._gamma import log_gamma_rise
from xentjax._numerics import EULER_GAMMA, HALF_LOG_2PI, expm1_minus, linear_minus_log, log1mexp, quotient
from xentjax._select import select
from xentjax._tails import log_gamma_tails
from xentjax.cumulants import cumulant, exponential, log_gamma_cumulant
from xentjax.families.family import Family
from xentjax.parameters import Parameter, positive, real
from xentjax.statistics import identity, square, summarize
from xentjax.supports import REAL

_MEAN = EULER_GAMMA + math.log(2)


class Moyal(Family):
    """Moyal(loc, scale): log q(x) = −½ (z + exp(−z)) − log scale − ½ log 2π with z = (x − loc) / scale, for real x.

    exp(−z) is the square of a standard normal variable: the losses of energy of charged particles, about.

    Args:
      loc: the mode.
      scale: the scale, > 0; the standard deviation is π scale / √2.

    >>> import xentjax as xj
    >>> round(xj.entropy(xj.Moyal(0.0, 1.0)).item(), 5)
    2.05412

    See also: `scipy.stats.moyal(loc, scale)`.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)

    support = REAL

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (identity, exponential(-1 / jnp.asarray(self.scale)))

    def log_prob_of(self, x: Array, spread: Array) -> Array:
        z = quotient(x - self.loc, self.scale)
        # one exponential: its factors may leave the range of floats where the product does not
        return -0.5 * (z + jnp.exp(jnp.log1p(spread) - z)) - jnp.log(self.scale) - HALF_LOG_2PI

    def expectations(self) -> dict:
        return {
            identity: self.mean,
            square: self.variance,
            cumulant: lambda t: log_gamma_cumulant(jnp.full_like(t, 0.5), -self.scale * t),
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, (identity, square))
        scale = jnp.sqrt(2 * variance) / jnp.pi
        return cls(mean - _MEAN * scale, scale)

    @property
    def mean(self) -> Array:
        return self.loc + _MEAN * jnp.asarray(self.scale)

    @property
    def variance(self) -> Array:
        return jnp.pi**2 / 2 * jnp.asarray(self.scale) ** 2

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        normal = jax.random.normal(key, shape, jnp.result_type(self.scale))
        # a draw of exactly 0 stands for those within half a step of the uniform draw that it came from
        size = jnp.maximum(jnp.abs(normal), 0.5 * jnp.finfo(normal.dtype).eps)
        return self.loc - 2 * self.scale * jnp.log(size)

    def tails(self, x: Array) -> tuple[Array, Array]:
        # far out exp(−z) leaves the range of floats, but log(1 − F) is a straight line
        z = (x - self.loc) / self.scale
        far = z > 80
        above, below = log_gamma_tails(jnp.full_like(z, 0.5), 0.5 * jnp.exp(-select(far, 80.0, z)))
        above = above - 0.5 * select(far, z - 80, 0.0)
        return select(far, log1mexp(select(far, above, -1.0)), below), above

    def inverse(self, probability: Array) -> Array:
        lower = probability < 0.5
        far = -ndtri(0.5 * select(lower, probability, 0.5))
        near = math.sqrt(2) * erfinv(1 - select(lower, 0.5, probability))
        return self.loc - 2 * self.scale * jnp.log(select(lower, far, near))

    def kl_to(self, q: "Moyal") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        # with w = exp(−z) of p, the square of a normal variable, z of q is d − (1 + excess) log w
        excess = (self.scale - q.scale) / q.scale
        rise = log_gamma_rise(jnp.full_like(excess, 1.5), excess)
        shift = (2 - _MEAN) * excess - (self.loc - q.loc) / q.scale + rise
        return linear_minus_log(excess, self.scale / q.scale) + 0.5 * (expm1_minus(shift) + rise)

    def coordinate(self) -> tuple[Array, Array]:
        return self.mean, jnp.asarray(self.scale)
