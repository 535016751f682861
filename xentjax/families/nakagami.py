"""The Nakagami distribution."""

from typing import Any, Self

import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_gamma_bregman, log_gamma_half_step
from xentjax._numerics import linear_minus_log
from xentjax.families.gamma_power import GammaPower, concentration_of, log_density_of_root
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, minus_log, square, summarize


class Nakagami(GammaPower):
    """Nakagami(concentration, spread), with m = concentration: x² is Gamma(m, m / spread), for x > 0.

    log q(x) = log 2 + m log(m / spread) − log Γ(m) + (2m − 1) log x − m x² / spread.

    Args:
      concentration: the shape m, > 0 (in fading of radio signals taken as ≥ ½); ½ gives the half-normal and 1 the
        Rayleigh distribution.
      spread: the mean of x², > 0.

    >>> import xentjax as xj
    >>> p = xj.Nakagami(2.0, 3.0)
    >>> round((p.mean**2 + p.variance).item(), 5)
    3.0

    See also: `scipy.stats.nakagami(concentration, scale=sqrt(spread))`; in the literature m and Ω.

    Reference: Nakagami (1960), The m-distribution: a general formula of intensity distribution of rapid fading.
    """

    concentration: Parameter = positive(1.0)
    spread: Parameter = positive(1.0)

    statistics = (identity, square, minus_log)

    def form(self) -> tuple[Array, Array, Any]:
        a = jnp.asarray(self.concentration)
        return a, jnp.sqrt(self.spread / a), 2

    def log_prob_of(self, x: Array, variance: Array, gap: Array) -> Array:
        return log_density_of_root(jnp.asarray(self.concentration), jnp.sqrt(self.spread), x, variance, gap)

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance, gap = summarize(source, cls.statistics)
        excess = jnp.log1p(variance / mean / mean)
        return cls(concentration_of(excess + 2 * gap), mean * mean * jnp.exp(excess))

    @property
    def mean(self) -> Array:
        return jnp.sqrt(self.spread) * jnp.exp(log_gamma_half_step(jnp.asarray(self.concentration)))

    def kl_to(self, q: "Nakagami") -> Array:
        """KL(self‖q), in nats, without cancellation: that of the gamma distributions of x²."""
        spreads = linear_minus_log((self.spread - q.spread) / q.spread, self.spread / q.spread)
        rise = q.concentration - self.concentration
        return q.concentration * spreads + log_gamma_bregman(jnp.asarray(self.concentration), rise)
