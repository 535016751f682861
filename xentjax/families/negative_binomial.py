"""The negative binomial distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_factorial_gap, log_gamma_gap_drop
from xentjax._numerics import expm1_minus, linear_minus_log, relative_entropy_term
from xentjax._select import select
from xentjax._tails import log_beta_tails
from xentjax.cumulants import cumulant, log_gamma_of_sum, log_gamma_plus_one
from xentjax.families.family import Family
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, square, summarize
from xentjax.supports import COUNTS


class NegativeBinomial(Family):
    """NegativeBinomial(mean, dispersion), with r = 1 / dispersion, for x = 0, 1, 2, ...

    log q(x) = log Γ(x + r) − log Γ(r) − log x! + r log(r / (r + mean)) + x log(mean / (r + mean)).
    The variance is mean + dispersion · mean²; dispersion → 0 is the Poisson distribution, without loss of accuracy
    in values and first derivatives; the second derivative in dispersion is accurate to eps / dispersion.

    Other parametrisations: number of successes r and probability p of a failure (scipy, R: `size`, `1 - prob`) are
    dispersion = 1 / r, mean = r p / (1 − p); a gamma mixture of Poissons with Gamma(a, b) is dispersion = 1 / a,
    mean = a / b; statsmodels' `alpha` is dispersion.

    Args:
      mean: > 0.
      dispersion: > 0.

    >>> import xentjax as xj
    >>> round(xj.NegativeBinomial(2.0, 0.5).log_prob(0.0).item(), 5)  # r = 2: -2 log 2
    -1.38629

    See also: `scipy.stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))`.
    """

    mean: Parameter = positive(1.0)
    dispersion: Parameter = positive(1.0)

    support = COUNTS

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (identity, log_gamma_plus_one, log_gamma_of_sum(1 / jnp.asarray(self.dispersion)))

    def log_prob_of(self, count: Array, factorial: Array, rising: Array) -> Array:
        r = 1 / jnp.asarray(self.dispersion)
        # each part stays of the size of the answer as dispersion goes to 0; differences of x + r are taken without r
        total, mean = count + r, jnp.asarray(self.mean, count.dtype)
        shared = total * linear_minus_log((mean - count) / total, (mean + r) / total)
        drop = log_gamma_gap_drop(r.astype(count.dtype), count)
        value = shared - drop - log_factorial_gap(count) - relative_entropy_term(count, mean)
        return value + rising - factorial

    def expectations(self) -> dict:
        mean = jnp.asarray(self.mean)
        return {
            identity: mean,
            square: self.variance,
            cumulant: lambda t: gamma_poisson_cumulant(mean, jnp.asarray(self.dispersion), t),
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        # moments; data less dispersed than a Poisson start near it
        mean, variance = summarize(source, (identity, square))
        return cls(mean, jnp.maximum((variance - mean) / mean**2, 1e-2 / mean))

    @property
    def variance(self) -> Array:
        return self.mean + self.dispersion * jnp.asarray(self.mean) ** 2

    def tails(self, x: Array) -> tuple[Array, Array]:
        r, mean = 1 / jnp.asarray(self.dispersion), jnp.asarray(self.mean)
        return log_beta_tails(r, x + 1, r / (r + mean), mean / (r + mean))

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        first, second = jax.random.split(key)
        dispersion = jnp.asarray(self.dispersion)
        rate = self.mean * dispersion * jax.random.gamma(first, 1 / dispersion, shape, dispersion.dtype)
        return jax.random.poisson(second, rate, shape).astype(dispersion.dtype)


def gamma_poisson_cumulant(mean: Array, dispersion: Array, t: Array) -> Array:
    """log E exp(t (x − mean)) of a Poisson variable whose rate is gamma-distributed; +inf where infinite."""
    s = -dispersion * mean * jnp.expm1(t)
    finite = s > -1
    safe = select(finite, s, 0.0)
    value = linear_minus_log(safe, 1 + safe) / dispersion + mean * expm1_minus(t)
    return select(finite, value, jnp.inf)
