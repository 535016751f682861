"""The chi distribution."""

from typing import Any, Self

import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_gamma_half_step, log_gamma_rise
from xentjax.families.gamma_power import GammaPower, inverse_digamma, log_density_of_root
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, log, minus_log, square


class Chi(GammaPower):
    """Chi(df), the length of a vector of df standard normals, for x > 0.

    log q(x) = log 2 + (df − 1) log x − x² / 2 − log Γ(df / 2) − (df / 2) log 2.

    Args:
      df: the degrees of freedom, > 0, and the mean of x².

    >>> import xentjax as xj
    >>> round(xj.Chi(3.0).mean.item(), 5)  # 2 √(2 / π)
    1.59577

    See also: `scipy.stats.chi(df)`; `Nakagami`, which has a scale too; `HalfNormal`, `Rayleigh` and `Maxwell`, the same
    with 1, 2 and 3 degrees of freedom and a scale.
    """

    df: Parameter = positive(1.0)

    statistics = (identity, square, minus_log)

    def form(self) -> tuple[Array, Array, Any]:
        a = 0.5 * self.df
        return a, jnp.full_like(a, 2**0.5), 2

    def log_prob_of(self, x: Array, variance: Array, gap: Array) -> Array:
        return log_density_of_root(0.5 * self.df, jnp.sqrt(self.df), x, variance, gap)

    @classmethod
    def start(cls, source: Any) -> Self:
        return cls(2 * inverse_digamma(2 * source.expect(log) - jnp.log(2.0)))

    @property
    def mean(self) -> Array:
        return jnp.sqrt(self.df) * jnp.exp(log_gamma_half_step(0.5 * self.df))

    def kl_to(self, q: "Chi") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return log_gamma_rise(0.5 * self.df, 0.5 * (q.df - self.df))
