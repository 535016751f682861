"""The Maxwell distribution."""

import math
from typing import Any, Self

import jax.numpy as jnp
from jax import Array

from xentjax._numerics import quotient
from xentjax.families.gamma_power import GammaPower, unless_infinite
from xentjax.families.normal import normal_kl
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, minus_log, square, summarize


class Maxwell(GammaPower):
    """Maxwell(scale), the length of a vector of three Normal(0, scale), such as the speed of a molecule of a gas.

    log q(x) = 2 log x − 3 log scale − x² / (2 scale²) + ½ log(2 / π), for x > 0.

    Args:
      scale: the standard deviation of the normals, > 0.

    >>> import xentjax as xj
    >>> round(xj.Maxwell(1.0).mean.item(), 5)  # 2 √(2 / π)
    1.59577

    See also: `scipy.stats.maxwell(scale=scale)`; `HalfNormal` and `Rayleigh`, the length of one and of two normals.
    """

    scale: Parameter = positive(1.0)

    statistics = (identity, square, minus_log)

    def form(self) -> tuple[Array, Array, Any]:
        return jnp.full_like(self.scale, 1.5), 2**0.5 * self.scale, 2

    def log_prob_of(self, x: Array, variance: Array, gap: Array) -> Array:
        z = quotient(x, self.scale)
        relative = quotient(quotient(variance, self.scale), self.scale)
        exponent = 2 * (jnp.log(x) - gap) - 0.5 * (z * z + relative)
        return unless_infinite(x, exponent - 3 * jnp.log(self.scale) + 0.5 * math.log(2 / math.pi))

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, (identity, square))
        return cls(jnp.sqrt((mean * mean + variance) / 3))

    @property
    def mean(self) -> Array:
        return 2 * math.sqrt(2 / math.pi) * jnp.asarray(self.scale)

    @property
    def variance(self) -> Array:
        return (3 - 8 / math.pi) * jnp.asarray(self.scale) ** 2

    def kl_to(self, q: "Maxwell") -> Array:
        """KL(self‖q), in nats, without cancellation: that of the vectors."""
        zero = jnp.zeros_like(self.scale)
        return 3 * normal_kl(zero, self.scale, zero, q.scale)
