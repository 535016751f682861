"""The Fréchet distribution."""

from typing import Any, Self

import jax.numpy as jnp
from jax import Array

from xentjax._numerics import EULER_GAMMA, log1mexp, log_ratio
from xentjax.cumulants import power
from xentjax.families.gamma_power import GammaPower
from xentjax.families.weibull import weibull_kl
from xentjax.parameters import Parameter, positive
from xentjax.statistics import log, log_square, summarize


class Frechet(GammaPower):
    """Frechet(concentration, scale), with k = concentration: 1 / x is Weibull(k, 1 / scale), for x > 0.

    log q(x) = log k − log x + y − exp(y) with y = −k log(x / scale): the law of the largest of many values with a
    heavy tail.

    Args:
      concentration: the shape and the tail index, > 0; the mean exists for concentration > 1, the variance for
        concentration > 2.
      scale: the point that 1 − exp(−1) of the probability exceeds, > 0.

    >>> import xentjax as xj
    >>> round(xj.Frechet(2.0, 1.0).mean.item(), 5)  # √π
    1.77245

    See also: `scipy.stats.invweibull(concentration, scale=scale)`; `Gumbel`, the law of its logarithm.
    """

    concentration: Parameter = positive(1.0)
    scale: Parameter = positive(1.0)

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (log, power(-self.concentration))

    def form(self) -> tuple[Array, Array, Any]:
        return jnp.ones_like(self.concentration), jnp.asarray(self.scale), -self.concentration

    def log_prob_of(self, log_x: Array, spread: Array) -> Array:
        y = -self.concentration * (log_x - jnp.log(self.scale))
        return jnp.log(self.concentration) - log_x + y - jnp.exp(y + jnp.log1p(spread))

    @classmethod
    def start(cls, source: Any) -> Self:
        # log x has the standard deviation π / (√6 k) and the mean log scale + γ / k
        mean, variance = summarize(source, (log, log_square))
        k = jnp.pi / jnp.sqrt(6 * variance)
        return cls(k, jnp.exp(mean - EULER_GAMMA / k))

    def tails(self, x: Array) -> tuple[Array, Array]:
        log_cdf = -jnp.exp(-self.concentration * (jnp.log(x) - jnp.log(self.scale)))
        return log_cdf, log1mexp(log_cdf)

    def inverse(self, probability: Array) -> Array:
        return self.scale * jnp.exp(-jnp.log(-jnp.log(probability)) / self.concentration)

    def kl_to(self, q: "Frechet") -> Array:
        """KL(self‖q), in nats, without cancellation: that of the Weibull distributions of 1 / x."""
        return weibull_kl(self.concentration, q.concentration, log_ratio(q.scale, self.scale))
