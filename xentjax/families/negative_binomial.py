"""The negative binomial distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import linear_minus_log, log_factorial_gap, log_gamma_gap_drop, relative_entropy_term
from xentjax.families.family import Family, within_support
from xentjax.parameters import COUNTS, Parameter, positive
from xentjax.statistics import identity, square, summarize


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

    def log_prob(self, x: Any) -> Array:
        x = identity(x)
        within = self.support.contains(x)
        count = jnp.where(within, x, 1.0)
        r = 1 / jnp.asarray(self.dispersion)
        # each part stays of the size of the answer as dispersion goes to 0; differences of x + r are taken without r
        total, mean = count + r, jnp.asarray(self.mean, count.dtype)
        shared = total * linear_minus_log((mean - count) / total, (mean + r) / total)
        drop = log_gamma_gap_drop(r.astype(count.dtype), count)
        value = shared - drop - log_factorial_gap(count) - relative_entropy_term(count, mean)
        return within_support(within, x, value)

    def expectations(self) -> dict:
        return {identity: jnp.asarray(self.mean), square: self.variance}

    @classmethod
    def start(cls, source: Any) -> Self:
        # moments; data less dispersed than a Poisson start near it
        mean, variance = summarize(source, (identity, square))
        return cls(mean, jnp.maximum((variance - mean) / mean**2, 1e-2 / mean))

    @property
    def variance(self) -> Array:
        return self.mean + self.dispersion * jnp.asarray(self.mean) ** 2

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        first, second = jax.random.split(key)
        dispersion = jnp.asarray(self.dispersion)
        rate = self.mean * dispersion * jax.random.gamma(first, 1 / dispersion, shape, dispersion.dtype)
        return jax.random.poisson(second, rate, shape).astype(dispersion.dtype)
