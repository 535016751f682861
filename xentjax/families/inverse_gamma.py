"""The inverse-gamma distribution."""

from typing import Any, Self

import jax.numpy as jnp
from jax import Array

from xentjax._select import select
from xentjax.cumulants import power
from xentjax.families.gamma import Gamma
from xentjax.families.gamma_power import GammaPower, concentration_of, log_density
from xentjax.parameters import Parameter, positive
from xentjax.statistics import log, summarize


class InverseGamma(GammaPower):
    """InverseGamma(concentration, scale), with a = concentration: 1 / x is Gamma(a, scale), for x > 0.

    log q(x) = a log scale − log Γ(a) − (a + 1) log x − scale / x.

    Args:
      concentration: the shape, > 0; the mean exists for concentration > 1, the variance for concentration > 2.
      scale: > 0; the rate of the gamma distribution of 1 / x.

    >>> import xentjax as xj
    >>> xj.InverseGamma(3.0, 4.0).mean.item()
    2.0

    See also: `scipy.stats.invgamma(concentration, scale=scale)`; numpyro's `InverseGamma(concentration, rate=scale)`.
    """

    concentration: Parameter = positive(1.0)
    scale: Parameter = positive(1.0)

    statistics = (log, power(-1))

    def form(self) -> tuple[Array, Array, Any]:
        return jnp.asarray(self.concentration), jnp.asarray(self.scale), -1

    def log_prob_of(self, log_x: Array, spread: Array) -> Array:
        a, scale, _ = self.form()
        gap = jnp.log1p(spread)
        return log_density(a, 1.0, log_x, gap - (log_x - jnp.log(scale)) - jnp.log(a), gap)

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, spread = summarize(source, cls.statistics)
        a = concentration_of(jnp.log1p(spread))
        return cls(a, a * jnp.exp(mean) / (1 + spread))

    @property
    def mean(self) -> Array:
        a, scale, _ = self.form()
        return select(a > 1, scale / select(a > 1, a - 1, 1.0), jnp.inf)

    @property
    def variance(self) -> Array:
        a = jnp.asarray(self.concentration)
        finite = a > 2
        return select(finite, (self.scale / select(finite, a - 1, 1.0)) ** 2 / select(finite, a - 2, 1.0), jnp.inf)

    def kl_to(self, q: "InverseGamma") -> Array:
        """KL(self‖q), in nats, without cancellation: that of the gamma distributions of 1 / x."""
        return Gamma(self.concentration, self.scale).kl_to(Gamma(q.concentration, q.scale))
