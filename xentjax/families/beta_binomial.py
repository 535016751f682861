"""The beta-binomial distribution."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_factorial_gap, log_gamma_gap_drop
from xentjax._numerics import relative_entropy_term
from xentjax.cumulants import (
    cumulant,
    log_gamma_of_difference,
    log_gamma_of_sum,
    log_gamma_plus_one,
)
from xentjax.families.family import Family
from xentjax.families.whole_numbers import cumulant_of_points, log_sum, whole_numbers
from xentjax.parameters import Parameter, count, positive
from xentjax.statistics import identity, square
from xentjax.supports import COUNTS


class BetaBinomial(Family):
    """BetaBinomial(total_count, alpha, beta), with n = total_count, for x = 0, ..., n.

    log q(x) = log C(n, x) + log B(x + alpha, n − x + beta) − log B(alpha, beta): a Binomial whose probability is
    beta-distributed, which it becomes for large alpha and beta, without loss of accuracy in values and first
    derivatives; second derivatives have an error of eps · alpha. n is never fitted; it comes from an instance:
    `fit_mle(BetaBinomial(12, 1.0, 1.0), x)`.

    The mean probability is alpha / (alpha + beta), the correlation of two trials 1 / (alpha + beta + 1).

    Args:
      total_count: the number of trials, a whole number ≥ 0.
      alpha, beta: > 0.

    >>> import xentjax as xj
    >>> round(xj.BetaBinomial(4, 1.0, 1.0).log_prob(2.0).item(), 5)  # uniform: -log 5
    -1.60944

    See also: `scipy.stats.betabinom(total_count, alpha, beta)`; numpyro's `BetaBinomial(concentration1=alpha,
    concentration0=beta, total_count)`.
    """

    total_count: Parameter = count()
    alpha: Parameter = positive(1.0)
    beta: Parameter = positive(1.0)

    support = COUNTS

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        n, a, b = self._values()
        ways = log_gamma_plus_one, log_gamma_of_difference(n + 1)
        return (identity, *ways, log_gamma_of_sum(a), log_gamma_of_difference(n + b, b))

    def _values(self) -> tuple[Array, Array, Array]:
        a, b = jnp.asarray(self.alpha), jnp.asarray(self.beta)
        return jnp.asarray(self.total_count, jnp.result_type(a)), a, b

    def ends(self) -> tuple[Any, Any]:
        return 0.0, self.total_count

    @property
    def interior(self) -> Any:
        return 0.0

    def log_prob_of(self, x: Array, factorial: Array, rest_factorial: Array, rise: Array, rest_rise: Array) -> Array:
        n, a, b = self._values()
        rest = n - x
        # entropies of the trials and of the prior counts relative to their pooled frequencies
        first, second = (x + a) / (n + a + b), (rest + b) / (n + a + b)
        trials = relative_entropy_term(x, n * first) + relative_entropy_term(rest, n * second)
        prior = relative_entropy_term(a, (a + b) * first) + relative_entropy_term(b, (a + b) * second)
        ways = log_factorial_gap(n) - log_factorial_gap(x) - log_factorial_gap(rest) - factorial - rest_factorial
        gaps = log_gamma_gap_drop(a + b, n) - log_gamma_gap_drop(a, x) - log_gamma_gap_drop(b, rest)
        return ways + gaps - trials - prior + rise + rest_rise

    def _log_probs(self, k: Array) -> Array:
        return self.log_prob_of(k, 0.0, 0.0, 0.0, 0.0)  # type: ignore[arg-type]

    def expectations(self) -> dict:
        n, _, _ = self._values()
        k, log_weights = whole_numbers(jnp.zeros_like(n), n)
        known = {identity: self.mean, square: self.variance}
        return known | {cumulant: cumulant_of_points(k, self._log_probs(k) + log_weights, self.mean)}

    @property
    def mean(self) -> Array:
        n, a, b = self._values()
        return n * (a / (a + b))

    @property
    def variance(self) -> Array:
        n, a, b = self._values()
        return self.mean * (b / (a + b)) * ((a + b + n) / (a + b + 1))

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        first, second = jax.random.split(key)
        n, a, b = self._values()
        probs = jax.random.beta(first, a, b, shape, n.dtype)
        return jax.random.binomial(second, n, probs, shape or None, n.dtype)

    def tails(self, x: Array) -> tuple[Array, Array]:
        n, _, _ = self._values()
        return log_sum(self._log_probs, jnp.zeros_like(x), x), log_sum(self._log_probs, x + 1, n)
