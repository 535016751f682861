"""The beta prime distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma, digamma_gap, digamma_gap_drop, log_gamma_gap, trigamma
from xentjax._numerics import relative_entropy_term
from xentjax._select import select
from xentjax._tails import log_beta_tails
from xentjax.cumulants import log_cumulant, log_gamma_cumulant
from xentjax.families.beta import Beta
from xentjax.families.family import Family
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, log, log1p, log_square, minus_log, square, summarize
from xentjax.supports import POSITIVE


class BetaPrime(Family):
    """BetaPrime(alpha, beta), the odds x = t / (1 − t) of t of Beta(alpha, beta), for x > 0.

    log q(x) = (alpha − 1) log x − (alpha + beta) log(1 + x) − log B(alpha, beta).

    Args:
      alpha: > 0.
      beta: the tail index, > 0; the mean, alpha / (beta − 1), exists for beta > 1, the variance for beta > 2.

    >>> import xentjax as xj
    >>> xj.BetaPrime(2.0, 3.0).mean.item()
    1.0

    See also: `scipy.stats.betaprime(alpha, beta)`; with degrees of freedom m and n, n x / m of alpha = m / 2 and
    beta = n / 2 has the F distribution.
    """

    alpha: Parameter = positive(1.0)
    beta: Parameter = positive(1.0)

    support = POSITIVE
    statistics = (log, log1p)

    def log_prob_of(self, log_x: Array, gap: Array) -> Array:
        a, b = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        n = a + b
        norm = log_gamma_gap(n) - log_gamma_gap(a) - log_gamma_gap(b)
        t, rest = jax.nn.sigmoid(log_x), jax.nn.sigmoid(-log_x)
        return norm - relative_entropy_term(a, n * t) - relative_entropy_term(b, n * rest) - n * gap - log_x

    def expectations(self) -> dict:
        a, b = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        return {
            identity: self.mean,
            square: self.variance,
            minus_log: lambda: self._log_cumulant(jnp.ones_like(b)),
            log: lambda: digamma(a) - digamma(b),
            log_square: lambda: trigamma(a) + trigamma(b),
            log1p: self._log1p,
            log_cumulant: self._log_cumulant,
        }

    def _log1p(self) -> Array:
        """ψ(n) − ψ(beta) − log(1 + exp(E log x)); the same of 1 / x, and taken of the one whose mean is smaller."""
        low, high = jnp.minimum(self.alpha, self.beta), jnp.maximum(self.alpha, self.beta)
        rise = digamma_gap(high) - digamma_gap(low)
        return digamma_gap_drop(high, low) - jnp.log1p(low / (low + high) * jnp.expm1(rise))

    def _log_cumulant(self, k: Array) -> Array:
        return log_gamma_cumulant(jnp.asarray(self.alpha), k) + log_gamma_cumulant(jnp.asarray(self.beta), -k)

    @classmethod
    def start(cls, source: Any) -> Self:
        # ψ(alpha) − ψ(beta) and ψ′(alpha) + ψ′(beta), by ψ(a) ≈ log a and ψ′(a) ≈ 1 / a
        mean, variance = summarize(source, (log, log_square))
        mean = jnp.clip(mean, -5.0, 5.0)
        return cls((1 + jnp.exp(mean)) / variance + 0.1, (1 + jnp.exp(-mean)) / variance + 0.1)

    @property
    def mean(self) -> Array:
        finite = self.beta > 1
        return select(finite, self.alpha / select(finite, self.beta - 1, 1.0), jnp.inf)

    @property
    def variance(self) -> Array:
        finite = self.beta > 2
        safe = select(finite, self.beta, 3.0)
        value = self.alpha / (safe - 1) * ((self.alpha + safe - 1) / (safe - 1)) / (safe - 2)
        return select(finite, value, jnp.inf)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        above, below = (
            jax.random.loggamma(k, a, shape, jnp.result_type(a))
            for k, a in zip(jax.random.split(key), (self.alpha, self.beta), strict=True)
        )
        return jnp.exp(above - below)

    def tails(self, x: Array) -> tuple[Array, Array]:
        return log_beta_tails(jnp.asarray(self.alpha), jnp.asarray(self.beta), x / (1 + x), 1 / (1 + x))

    def kl_to(self, q: "BetaPrime") -> Array:
        """KL(self‖q), in nats, without cancellation: that of the beta distributions of x / (1 + x)."""
        return Beta(self.alpha, self.beta).kl_to(Beta(q.alpha, q.beta))
