"""The log-normal distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtri

from xentjax._numerics import HALF_LOG_2PI
from xentjax._tails import log_normal_tails
from xentjax.cumulants import log_cumulant
from xentjax.families.family import Family, distance_from
from xentjax.families.normal import normal_kl
from xentjax.parameters import Parameter, positive, real
from xentjax.statistics import distance, identity, log, log_square, minus_log, square, summarize
from xentjax.supports import POSITIVE


class LogNormal(Family):
    """LogNormal(loc, scale): exp of a Normal(loc, scale), for x > 0.

    log q(x) = −(log x − loc)² / (2 scale²) − log x − log scale − ½ log 2π.

    Args:
      loc: the mean of log x.
      scale: the standard deviation of log x, > 0.

    >>> import xentjax as xj
    >>> round(xj.LogNormal(0.0, 0.5).mean.item(), 5)
    1.13315

    See also: `scipy.stats.lognorm(s=scale, scale=exp(loc))`.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)

    support = POSITIVE
    statistics = (log, log_square)

    def log_prob_of(self, log_x: Array, variance: Array) -> Array:
        z = (log_x - self.loc) / self.scale
        return -0.5 * (z * z + variance / self.scale**2) - log_x - jnp.log(self.scale) - HALF_LOG_2PI

    def expectations(self) -> dict:
        variance = jnp.asarray(self.scale) ** 2
        return {
            identity: self.mean,
            square: self.variance,
            minus_log: 0.5 * variance,
            log: self.loc,
            log_square: variance,
            log_cumulant: lambda k: 0.5 * k * k * variance,
            distance: self._distance,
        }

    def _distance(self, point: Array) -> Array:
        def tails(c: Array) -> tuple:
            # the weight x / mean moves loc by scale²
            z = (jnp.log(c) - self.loc) / self.scale
            return log_normal_tails(z), log_normal_tails(z - self.scale)

        return distance_from(point, self.mean, tails)

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, cls.statistics)
        return cls(mean, jnp.sqrt(variance))

    @property
    def mean(self) -> Array:
        return jnp.exp(self.loc + 0.5 * self.scale**2)

    @property
    def variance(self) -> Array:
        return self.mean**2 * jnp.expm1(self.scale**2)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return jnp.exp(self.loc + self.scale * jax.random.normal(key, shape, jnp.result_type(self.scale)))

    def tails(self, x: Array) -> tuple[Array, Array]:
        return log_normal_tails((jnp.log(x) - self.loc) / self.scale)

    def inverse(self, probability: Array) -> Array:
        return jnp.exp(self.loc + self.scale * ndtri(probability))

    def kl_to(self, q: "LogNormal") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return normal_kl(self.loc, self.scale, q.loc, q.scale)
