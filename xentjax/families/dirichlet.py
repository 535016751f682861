"""The Dirichlet distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import digamma_gap_drop, log_gamma_bregman, log_gamma_gap
from xentjax._numerics import linear_minus_log, relative_entropy_term
from xentjax.families.family import Family
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, minus_log, square, summarize
from xentjax.supports import SIMPLEX


class Dirichlet(Family):
    """Dirichlet(concentration), with a = concentration [k], for probability vectors x [k].

    log q(x) = log Γ(Σ a) − Σ log Γ(aᵢ) + Σ (aᵢ − 1) log xᵢ.

    Args:
      concentration: positive numbers [k]; the mean is concentration / Σ concentration.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> round(xj.Dirichlet(jnp.ones(3)).log_prob(jnp.array([0.2, 0.3, 0.5])).item(), 5)  # uniform: log 2
    0.69315

    See also: `scipy.stats.dirichlet(concentration)`; `Beta`, its form for k = 2.
    """

    concentration: Parameter = positive()

    support = SIMPLEX
    statistics = (identity, minus_log)

    def log_prob_of(self, x: Array, gap: Array) -> Array:
        a = jnp.asarray(self.concentration)
        n = jnp.sum(a, -1)
        terms = relative_entropy_term(a, n * x) + log_gamma_gap(a) + (a - 1) * gap + jnp.log(x)
        return log_gamma_gap(n) - jnp.sum(terms, -1)

    def expectations(self) -> dict:
        a = jnp.asarray(self.concentration)
        total = jnp.sum(a, -1)
        gap = digamma_gap_drop(a, total[..., None] - a)
        return {identity: self.mean, square: self.variance, minus_log: gap}

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, (identity, square))
        # each component gives an estimate of the total; their geometric mean
        total = jnp.exp(jnp.mean(jnp.log(mean * (1 - mean) / variance - 1), -1))
        return cls(mean * total)

    @property
    def mean(self) -> Array:
        return self.concentration / jnp.sum(self.concentration, -1, keepdims=True)

    @property
    def variance(self) -> Array:
        mean = self.mean
        return mean * (1 - mean) / (jnp.sum(self.concentration, -1, keepdims=True) + 1)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        a = jnp.asarray(self.concentration)
        return jax.random.dirichlet(key, a, shape, a.dtype)

    def kl_to(self, q: "Dirichlet") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return dirichlet_kl(jnp.asarray(self.concentration), jnp.asarray(q.concentration))


def dirichlet_kl(p: Array, q: Array) -> Array:
    """KL of concentrations [..., k]: that of the mean vectors, and Bregman terms of log Γ, from exact differences."""
    drop = p - q
    p_total, q_total, total_drop = jnp.sum(p, -1), jnp.sum(q, -1), jnp.sum(drop, -1)
    ratio = p * (q_total / p_total)[..., None] / q
    s = (drop * q_total[..., None] - q * total_drop[..., None]) / (q * p_total[..., None])
    means = jnp.sum(q * linear_minus_log(s, ratio), -1)
    spread = jnp.sum(log_gamma_bregman(p, -drop), -1) - log_gamma_bregman(p_total, -total_drop)
    return means + spread
