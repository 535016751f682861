"""The gamma distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma, digamma_gap, log_gamma_bregman, log_gamma_gap, trigamma
from xentjax._numerics import linear_minus_log, relative_entropy_term
from xentjax._select import select
from xentjax._tails import log_gamma_tails
from xentjax.cumulants import cumulant, log_cumulant, log_gamma_cumulant
from xentjax.families.family import Family, distance_from
from xentjax.families.gamma_power import concentration_of
from xentjax.parameters import Parameter, positive
from xentjax.statistics import distance, identity, log, log_square, minus_log, square, summarize
from xentjax.supports import POSITIVE


class Gamma(Family):
    """Gamma(concentration, rate), with a = concentration and b = rate, for x > 0.

    log q(x) = a log b − log Γ(a) + (a − 1) log x − b x.

    Args:
      concentration: the shape, > 0.
      rate: one over the scale, > 0; the mean is concentration / rate.

    >>> import xentjax as xj
    >>> round(xj.kl_divergence(xj.Gamma(2.0, 1.0), xj.Gamma(3.0, 1.0)).item(), 5)
    0.27036

    See also: `scipy.stats.gamma(concentration, scale=1 / rate)`.
    """

    concentration: Parameter = positive(1.0)
    rate: Parameter = positive(1.0)

    support = POSITIVE
    statistics = (identity, minus_log)

    def log_prob_of(self, x: Array, gap: Array) -> Array:
        a = jnp.asarray(self.concentration)
        return -relative_entropy_term(a, self.rate * x) - log_gamma_gap(a) - (a - 1) * gap - jnp.log(x)

    def expectations(self) -> dict:
        a, log_rate = jnp.asarray(self.concentration), jnp.log(self.rate)
        return {
            identity: self.mean,
            square: self.variance,
            minus_log: digamma_gap(a),
            log: digamma(a) - log_rate,
            log_square: trigamma(a),
            log_cumulant: lambda k: log_gamma_cumulant(a, k),
            distance: self._distance,
            cumulant: lambda t: gamma_cumulant(a, jnp.asarray(self.rate), t),
        }

    def _distance(self, point: Array) -> Array:
        # x / mean times the density has a + 1
        a = jnp.asarray(self.concentration)
        return distance_from(
            point, self.mean, lambda c: (log_gamma_tails(a, self.rate * c), log_gamma_tails(a + 1, self.rate * c))
        )

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, gap = summarize(source, cls.statistics)
        a = concentration_of(gap)
        return cls(a, a / mean)

    @property
    def mean(self) -> Array:
        return self.concentration / jnp.asarray(self.rate)

    @property
    def variance(self) -> Array:
        return self.mean / self.rate

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        a = jnp.asarray(self.concentration)
        return jax.random.gamma(key, a, shape, a.dtype) / self.rate

    def tails(self, x: Array) -> tuple[Array, Array]:
        return log_gamma_tails(jnp.asarray(self.concentration), self.rate * x)

    def kl_to(self, q: "Gamma") -> Array:
        """The distance of the means at q's concentration, and that of the concentrations."""
        rise = self.concentration - q.concentration
        ratio = q.rate * self.concentration / (self.rate * q.concentration)
        # q.rate · mean(p) − q.concentration, from exact differences
        s = (rise + self.concentration * (q.rate - self.rate) / self.rate) / q.concentration
        means = q.concentration * linear_minus_log(s, ratio)
        return means + log_gamma_bregman(jnp.asarray(self.concentration), -rise)


def gamma_cumulant(a: Array, rate: Array, t: Array) -> Array:
    """−a log(1 − s) − a s with s = t / rate; +inf for s ≥ 1."""
    s = t / rate
    finite = s < 1
    safe = select(finite, s, 0.0)
    return select(finite, a * linear_minus_log(-safe, 1 - safe), jnp.inf)
