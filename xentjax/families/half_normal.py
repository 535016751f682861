"""The half-normal distribution."""

import math
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erfinv, ndtri

from xentjax._numerics import quotient
from xentjax._select import select
from xentjax.families.gamma_power import GammaPower
from xentjax.families.normal import normal_kl
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, square, summarize
from xentjax.supports import NON_NEGATIVE


class HalfNormal(GammaPower):
    """HalfNormal(scale), the size of a Normal(0, scale).

    log q(x) = ½ log(2 / π) − log scale − x² / (2 scale²), for x ≥ 0.

    Args:
      scale: the standard deviation of the normal, > 0; that of x is 0.6028 scale.

    >>> import xentjax as xj
    >>> round(xj.HalfNormal(1.0).mean.item(), 5)  # √(2 / π)
    0.79788

    See also: `scipy.stats.halfnorm(scale=scale)`; `Rayleigh` and `Maxwell`, the length of two and of three normals.
    """

    scale: Parameter = positive(1.0)

    support = NON_NEGATIVE
    statistics = (identity, square)

    def form(self) -> tuple[Array, Array, Any]:
        return jnp.full_like(self.scale, 0.5), 2**0.5 * self.scale, 2

    def log_prob_of(self, x: Array, variance: Array) -> Array:
        z = quotient(x, self.scale)
        relative = quotient(quotient(variance, self.scale), self.scale)
        return 0.5 * math.log(2 / math.pi) - jnp.log(self.scale) - 0.5 * (z * z + relative)

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, cls.statistics)
        return cls(jnp.sqrt(mean * mean + variance))

    @property
    def mean(self) -> Array:
        return math.sqrt(2 / math.pi) * jnp.asarray(self.scale)

    @property
    def variance(self) -> Array:
        return (1 - 2 / math.pi) * jnp.asarray(self.scale) ** 2

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self.scale * jnp.abs(jax.random.normal(key, shape, jnp.result_type(self.scale)))

    def inverse(self, probability: Array) -> Array:
        # each from the end that is near
        lower = probability < 0.5
        below = 2**0.5 * erfinv(select(lower, probability, 0.25))
        return self.scale * select(lower, below, -ndtri(0.5 * (1 - probability)))

    def kl_to(self, q: "HalfNormal") -> Array:
        """KL(self‖q), in nats, without cancellation: that of the normals."""
        zero = jnp.zeros_like(self.scale)
        return normal_kl(zero, self.scale, zero, q.scale)
