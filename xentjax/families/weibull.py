"""The Weibull distribution."""

from typing import Any, Self

import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_gamma, log_gamma_rise
from xentjax._numerics import EULER_GAMMA, expm1_minus, linear_minus_log, log1mexp, log_ratio
from xentjax.cumulants import log_cumulant, log_gamma_cumulant, power
from xentjax.families.exponential import positive_exponential
from xentjax.families.family import Family
from xentjax.families.gamma_power import distance_gap
from xentjax.parameters import Parameter, positive
from xentjax.statistics import distance, identity, log, log_square, minus_log, square, summarize
from xentjax.supports import POSITIVE


class Weibull(Family):
    """Weibull(concentration, scale), with k = concentration, for x > 0.

    log q(x) = log k − log x + y − exp(y) with y = k log(x / scale).

    Args:
      concentration: the shape, > 0; 1 gives the exponential distribution.
      scale: the point that exp(−1) of the probability exceeds, > 0.

    >>> import xentjax as xj
    >>> round(xj.entropy(xj.Weibull(1.0, 1.0)).item(), 6)
    1.0

    See also: `scipy.stats.weibull_min(concentration, scale=scale)`.
    """

    concentration: Parameter = positive(1.0)
    scale: Parameter = positive(1.0)

    support = POSITIVE

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (log, power(self.concentration))

    def log_prob_of(self, log_x: Array, spread: Array) -> Array:
        y = self.concentration * (log_x - jnp.log(self.scale))
        return jnp.log(self.concentration) - log_x + y - jnp.exp(y + jnp.log1p(spread))

    def expectations(self) -> dict:
        k = jnp.asarray(self.concentration)
        return {
            identity: self.mean,
            square: self.variance,
            minus_log: _rise(1 / k),
            log: jnp.log(self.scale) - EULER_GAMMA / k,
            log_square: jnp.pi**2 / 6 / (k * k),
            distance: self._distance,
            log_cumulant: lambda j: log_gamma_cumulant(jnp.ones_like(j / k), j / k),
        }

    def _distance(self, point: Array) -> Array:
        k = jnp.asarray(self.concentration)
        return distance_gap(jnp.ones_like(k), jnp.asarray(self.scale), k, self.mean, point)

    @classmethod
    def start(cls, source: Any) -> Self:
        # log x has the standard deviation π / (√6 k) and the mean log scale − γ / k
        mean, variance = summarize(source, (log, log_square))
        k = jnp.pi / jnp.sqrt(6 * variance)
        return cls(k, jnp.exp(mean + EULER_GAMMA / k))

    @property
    def mean(self) -> Array:
        return self.scale * jnp.exp(log_gamma(1 + 1 / jnp.asarray(self.concentration)))

    @property
    def variance(self) -> Array:
        k = jnp.asarray(self.concentration)
        return self.mean**2 * jnp.expm1(_rise(2 / k) - 2 * _rise(1 / k))

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        w = positive_exponential(key, shape, jnp.result_type(self.scale))
        return self.scale * jnp.exp(jnp.log(w) / self.concentration)

    def tails(self, x: Array) -> tuple[Array, Array]:
        hazard = jnp.exp(self.concentration * (jnp.log(x) - jnp.log(self.scale)))
        return log1mexp(-hazard), -hazard

    def inverse(self, probability: Array) -> Array:
        return self.scale * jnp.exp(jnp.log(-jnp.log1p(-probability)) / self.concentration)

    def kl_to(self, q: "Weibull") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return weibull_kl(self.concentration, q.concentration, log_ratio(self.scale, q.scale))


def weibull_kl(p_k: Array, q_k: Array, log_scales: Array) -> Array:
    """KL from the two concentrations and log(scale / scale_q)."""
    # with w = (x / scale)^k of p, an exponential variable, k_q log(x / scale_q) = r log w + c
    excess = (q_k - p_k) / p_k
    rise = log_gamma_rise(jnp.full_like(excess, 2.0), excess)
    shift = q_k * log_scales + rise + (1 - EULER_GAMMA) * excess
    return linear_minus_log(excess, q_k / p_k) + expm1_minus(shift) + rise


def _rise(r: Array) -> Array:
    """log Γ(1 + r) + γ r, without cancellation for small r."""
    return log_gamma_rise(jnp.ones_like(r), r)
