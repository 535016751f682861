"""The Rayleigh distribution."""

import math
from typing import Any, Self

import jax.numpy as jnp
from jax import Array

from xentjax._numerics import log1mexp, quotient
from xentjax.families.gamma_power import GammaPower, unless_infinite
from xentjax.families.normal import normal_kl
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, minus_log, square, summarize


class Rayleigh(GammaPower):
    """Rayleigh(scale), the length of a vector of two Normal(0, scale).

    log q(x) = log x − 2 log scale − x² / (2 scale²), for x > 0.

    Args:
      scale: the standard deviation of the normals, and the most probable length, > 0.

    >>> import xentjax as xj
    >>> round(xj.Rayleigh(2.0).quantile(0.5).item(), 5)  # 2 √(2 log 2)
    2.35482

    See also: `scipy.stats.rayleigh(scale=scale)`; `Weibull(2, √2 scale)`; `HalfNormal` and `Maxwell`, the length of one
    and of three normals.
    """

    scale: Parameter = positive(1.0)

    statistics = (identity, square, minus_log)

    def form(self) -> tuple[Array, Array, Any]:
        return jnp.ones_like(self.scale), 2**0.5 * self.scale, 2

    def log_prob_of(self, x: Array, variance: Array, gap: Array) -> Array:
        z = quotient(x, self.scale)
        relative = quotient(quotient(variance, self.scale), self.scale)
        value = jnp.log(x) - gap - 2 * jnp.log(self.scale) - 0.5 * (z * z + relative)
        return unless_infinite(x, value)

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, (identity, square))
        return cls(jnp.sqrt(0.5 * (mean * mean + variance)))

    @property
    def mean(self) -> Array:
        return math.sqrt(math.pi / 2) * jnp.asarray(self.scale)

    @property
    def variance(self) -> Array:
        return (2 - math.pi / 2) * jnp.asarray(self.scale) ** 2

    def tails(self, x: Array) -> tuple[Array, Array]:
        survival = -0.5 * (x / self.scale) ** 2
        return log1mexp(survival), survival

    def inverse(self, probability: Array) -> Array:
        return self.scale * jnp.sqrt(-2 * jnp.log1p(-probability))

    def kl_to(self, q: "Rayleigh") -> Array:
        """KL(self‖q), in nats, without cancellation: that of the vectors."""
        zero = jnp.zeros_like(self.scale)
        return 2 * normal_kl(zero, self.scale, zero, q.scale)
