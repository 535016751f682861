"""The generalised gamma distribution."""

from typing import Any, Self

import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma, log_gamma_bregman, log_gamma_rise, trigamma
from xentjax._numerics import expm1_minus, linear_minus_log, log_ratio
from xentjax.cumulants import power
from xentjax.families.gamma_power import GammaPower, log_density
from xentjax.parameters import Parameter, positive
from xentjax.statistics import log, log_square, summarize


class GeneralizedGamma(GammaPower):
    """GeneralizedGamma(concentration, scale, power): (x / scale)^power is Gamma(a, 1), with a = concentration, x > 0.

    log q(x) = log p − log Γ(a) − log x + a p log(x / scale) − (x / scale)^p, with p = power.

    Power 1 gives the gamma, concentration 1 the Weibull distribution; as a grows, at a fixed variance of log x, it
    approaches the log-normal distribution and the three parameters cannot be told apart: where the data suggest that,
    a fit ends at a bound.

    Args:
      concentration: the shape a of the gamma variable, > 0.
      scale: > 0.
      power: > 0.

    >>> import xentjax as xj
    >>> round(xj.GeneralizedGamma(1.0, 2.0, 1.0).log_prob(2.0).item(), 5)  # of Exponential(1 / 2): −log 2 − 1
    -1.69315

    See also: `scipy.stats.gengamma(concentration, power, scale=scale)`. In Prentice's form (flexsurv's `dgengamma` with
    mu, sigma and Q > 0) concentration = 1 / Q², power = Q / sigma and log scale = mu + 2 (sigma / Q) log Q. In Stacy's
    own, with a, d and p, scale = a, power = p and concentration = d / p.

    Reference: Stacy (1962), A generalization of the gamma distribution; Prentice (1974), A log gamma model and its
    maximum likelihood estimation.
    """

    concentration: Parameter = positive(1.0)
    scale: Parameter = positive(1.0)
    power: Parameter = positive(1.0)

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (log, power(self.power))

    def form(self) -> tuple[Array, Array, Any]:
        return jnp.asarray(self.concentration), jnp.asarray(self.scale), jnp.asarray(self.power)

    def log_prob_of(self, log_x: Array, spread: Array) -> Array:
        a, scale, p = self.form()
        gap = jnp.log1p(spread)
        return log_density(a, p, log_x, p * (log_x - jnp.log(scale)) + gap - jnp.log(a), gap)

    @classmethod
    def start(cls, source: Any) -> Self:
        # log x is (log g) / p, whose skewness, about 1 / √(a − 0.3), is read off its cumulant function half a deviation
        # to either side
        mean, variance = summarize(source, (log, log_square))
        half = 0.5 / jnp.sqrt(variance)
        up, down = (jnp.log1p(source.expect(power(k).about(mean))) for k in (half, -half))
        a = 0.3 + 1 / jnp.clip(24 * (down - up), 0.1, 3.0) ** 2
        p = jnp.sqrt(trigamma(a) / variance)
        return cls(a, jnp.exp(mean - digamma(a) / p), p)

    def kl_to(self, q: "GeneralizedGamma") -> Array:
        """KL(self‖q), in nats.

        Without cancellation at equal powers; otherwise up to a factor of the concentration, towards which the family
        degenerates.
        """
        a, scale, p = self.form()
        return generalized_gamma_kl(a, p, q.concentration - a, q.power - p, log_ratio(scale, q.scale))


def generalized_gamma_kl(a: Array, p: Array, rise: Array, power_rise: Array, log_scales: Array) -> Array:
    """KL from a, power, what q has more of each, and log(scale / scale_q)."""
    # with g of p, a gamma variable, (x / scale_q)^power_q = exp(r log g + c); s = r − 1
    b, s = a + rise, power_rise / p
    ratio = log_gamma_rise(a + 1, s)
    # log E (x / scale_q)^power_q − log b
    level = (p + power_rise) * log_scales + s * digamma(a + 1) + ratio - log_ratio(b, a)
    # the cumulant function of log g, at r less at 1
    between = ratio + s / a
    return b * expm1_minus(level) + a * ratio + rise * between + linear_minus_log(s, 1 + s) + log_gamma_bregman(a, rise)
