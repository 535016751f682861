"""The normal distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erf, ndtri

from xentjax._numerics import HALF_LOG_2PI, linear_minus_log, quotient
from xentjax._tails import log_normal_tails
from xentjax.cumulants import cumulant
from xentjax.families.family import Family
from xentjax.parameters import Parameter, positive, real
from xentjax.statistics import distance, identity, square, summarize
from xentjax.supports import REAL


class Normal(Family):
    """Normal(loc, scale): log q(x) = −(x − loc)² / (2 scale²) − log scale − ½ log 2π, for real x.

    The mean squared error is its cross-entropy at a fixed scale, up to constants.

    Args:
      loc: the mean.
      scale: the standard deviation, > 0.

    >>> import xentjax as xj
    >>> round(xj.entropy(xj.Normal(0.0, 1.0)).item(), 5)
    1.41894

    See also: `scipy.stats.norm(loc, scale)`.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)

    support = REAL
    statistics = (identity, square)

    def log_prob_of(self, x: Array, variance: Array) -> Array:
        z = quotient(x - self.loc, self.scale)
        relative = quotient(quotient(variance, self.scale), self.scale)
        return -0.5 * (z * z + relative) - jnp.log(self.scale) - HALF_LOG_2PI

    def expectations(self) -> dict:
        variance = self.variance
        return {
            identity: self.loc,
            square: variance,
            distance: self._distance,
            cumulant: lambda t: 0.5 * t * t * variance,
        }

    def _distance(self, point: Array) -> Array:
        z = (self.loc - point) / self.scale
        density = jnp.exp(-0.5 * z * z - HALF_LOG_2PI)
        folded = 2 * density + z * erf(z / 2**0.5)
        return self.scale * (folded - jnp.abs(z))

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, cls.statistics)
        return cls(mean, jnp.sqrt(variance))

    @property
    def mean(self) -> Array:
        return jnp.asarray(self.loc)

    @property
    def variance(self) -> Array:
        return jnp.asarray(self.scale) ** 2

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self.loc + self.scale * jax.random.normal(key, shape, jnp.result_type(self.scale))

    def tails(self, x: Array) -> tuple[Array, Array]:
        return log_normal_tails((x - self.loc) / self.scale)

    def inverse(self, probability: Array) -> Array:
        return self.loc + self.scale * ndtri(probability)

    def kl_to(self, q: "Normal") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return normal_kl(self.loc, self.scale, q.loc, q.scale)

    def coordinate(self) -> tuple[Array, Array]:
        return self.loc, self.scale


def normal_kl(p_loc: Array, p_scale: Array, q_loc: Array, q_scale: Array) -> Array:
    """KL between two normals as a sum of squares and r − log(1 + r), r the relative difference of the scales."""
    r = (p_scale - q_scale) / q_scale
    z = (p_loc - q_loc) / q_scale
    return 0.5 * (r * r + z * z) + linear_minus_log(r, p_scale / q_scale)
