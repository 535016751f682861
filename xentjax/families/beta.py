"""The beta distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma, digamma_gap, digamma_gap_drop, log_gamma_gap, log_gamma_rise, trigamma
from xentjax._numerics import relative_entropy_term
from xentjax._tails import log_beta_tails
from xentjax.cumulants import log_cumulant, log_gamma_cumulant
from xentjax.families.dirichlet import dirichlet_kl
from xentjax.families.family import Family
from xentjax.parameters import Parameter, positive
from xentjax.statistics import (
    identity,
    log,
    log_square,
    logit,
    logit_softplus,
    logit_square,
    minus_log,
    minus_log1m,
    square,
    summarize,
)
from xentjax.supports import UNIT_INTERVAL


class Beta(Family):
    """Beta(alpha, beta): log q(x) = (alpha − 1) log x + (beta − 1) log(1 − x) − log B(alpha, beta), for 0 < x < 1.

    Args:
      alpha: > 0; the mean is alpha / (alpha + beta).
      beta: > 0.

    >>> import xentjax as xj
    >>> round(xj.Beta(2.0, 2.0).log_prob(0.5).item(), 3)
    0.405

    See also: `scipy.stats.beta(alpha, beta)`; `Dirichlet`, its form in several dimensions.
    """

    alpha: Parameter = positive(1.0)
    beta: Parameter = positive(1.0)

    support = UNIT_INTERVAL
    statistics = (identity, minus_log, minus_log1m)

    def log_prob_of(self, x: Array, gap: Array, gap1m: Array) -> Array:
        a, b = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        n = a + b
        norm = log_gamma_gap(n) - log_gamma_gap(a) - log_gamma_gap(b)
        distance = relative_entropy_term(a, n * x) + relative_entropy_term(b, n * (1 - x))
        return norm - distance - (a - 1) * gap - (b - 1) * gap1m - jnp.log(x) - jnp.log1p(-x)

    def expectations(self) -> dict:
        a, b = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        n = a + b
        return {
            identity: self.mean,
            square: self.variance,
            minus_log: lambda: digamma_gap_drop(a, b),
            minus_log1m: lambda: digamma_gap_drop(b, a),
            log: lambda: digamma(a) - digamma(n),
            log_square: lambda: trigamma(a) - trigamma(n),
            logit: lambda: digamma(a) - digamma(b),
            logit_square: lambda: trigamma(a) + trigamma(b),
            logit_softplus: lambda: _softplus(a, b),
            log_cumulant: lambda k: log_gamma_cumulant(a, k) - log_gamma_rise(n, jnp.maximum(k, -a)),
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, (identity, square))
        n = mean * (1 - mean) / variance - 1
        return cls(mean * n, (1 - mean) * n)

    @property
    def mean(self) -> Array:
        return self.alpha / (self.alpha + jnp.asarray(self.beta))

    @property
    def variance(self) -> Array:
        n = self.alpha + jnp.asarray(self.beta)
        return (self.alpha / n) * (self.beta / n) / (n + 1)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        a = jnp.asarray(self.alpha)
        return jax.random.beta(key, a, jnp.asarray(self.beta), shape, a.dtype)

    def tails(self, x: Array) -> tuple[Array, Array]:
        return log_beta_tails(jnp.asarray(self.alpha), jnp.asarray(self.beta), x, 1 - x)

    def kl_to(self, q: "Beta") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        stack = [jnp.stack([jnp.asarray(m.alpha), jnp.asarray(m.beta)], -1) for m in (self, q)]
        return dirichlet_kl(*stack)

    def coordinate(self) -> tuple[Array, Array]:
        a, b = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        return digamma(a) - digamma(b), jnp.sqrt(trigamma(a) + trigamma(b))


def _softplus(a: Array, b: Array) -> Array:
    """ψ(a + b) − log(exp(ψ(a)) + exp(ψ(b))), the spread of softplus(logit x), by the distances of ψ from log."""
    n = a + b
    fall = (a * -jnp.expm1(-digamma_gap(a)) + b * -jnp.expm1(-digamma_gap(b))) / n
    return -jnp.log1p(-fall) - digamma_gap(n)
