"""The binomial distribution."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_factorial_gap
from xentjax._numerics import as_float, relative_entropy_term
from xentjax._select import select
from xentjax._tails import log_beta_tails
from xentjax.cumulants import cumulant, log_gamma_of_difference, log_gamma_plus_one
from xentjax.families.bernoulli import bernoulli_cumulant, bernoulli_kl
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, count, unit_interval
from xentjax.statistics import identity, square, summarize
from xentjax.supports import COUNTS


class Binomial(Family):
    """Binomial(total_count, probs): log q(x) = log C(n, x) + x log probs + (n − x) log(1 − probs), for x = 0, ..., n.

    n = total_count is never fitted; it comes from an instance: `fit_mle(Binomial(12, 0.5), x)`.

    Args:
      total_count: the number of trials, a whole number ≥ 0.
      probs: the probability of success, strictly between 0 and 1.

    >>> import xentjax as xj
    >>> round(xj.Binomial(2, 0.5).log_prob(1.0).item(), 5)  # log 1/2
    -0.69315

    See also: `scipy.stats.binom(total_count, probs)`; numpyro has the same names and the opposite order.
    """

    total_count: Parameter = count()
    probs: Parameter = unit_interval(0.5)

    support = COUNTS

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (identity, log_gamma_plus_one, log_gamma_of_difference(jnp.asarray(self.total_count) + 1))

    def ends(self) -> tuple[Any, Any]:
        return 0.0, self.total_count

    @property
    def interior(self) -> Any:
        return 0.0

    def log_prob_of(self, x: Array, factorial: Array, rest_factorial: Array) -> Array:
        p = jnp.asarray(self.probs, x.dtype)
        return self._log_prob_of(p, 1 - p, x) - factorial - rest_factorial

    def _log_prob_of(self, p: Array, rest: Array, x: Array) -> Array:
        n = jnp.asarray(self.total_count, x.dtype)
        ways = log_factorial_gap(n) - log_factorial_gap(x) - log_factorial_gap(n - x)
        return ways - relative_entropy_term(x, n * p) - relative_entropy_term(n - x, n * rest)

    def log_prob_from_logit(self, logit: Array, x: Array) -> Array:
        """`log_prob` at probs = sigmoid(logit), also where that is 1 to rounding."""
        x, n = as_float(x), as_float(self.total_count)
        within = COUNTS.contains(x) & (x <= n)
        safe = select(within, x, 0.0)
        return within_support(within, x, self._log_prob_of(jax.nn.sigmoid(logit), jax.nn.sigmoid(-logit), safe))

    def expectations(self) -> dict:
        n, p = jnp.asarray(self.total_count), jnp.asarray(self.probs)
        return {identity: self.mean, square: self.variance, cumulant: lambda t: n * bernoulli_cumulant(p, t)}

    @property
    def mean(self) -> Array:
        return self.total_count * jnp.asarray(self.probs)

    @property
    def variance(self) -> Array:
        return self.mean * (1 - jnp.asarray(self.probs))

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        probs = jnp.asarray(self.probs)
        return jax.random.binomial(key, jnp.asarray(self.total_count), probs, shape or None, probs.dtype)

    def tails(self, x: Array) -> tuple[Array, Array]:
        p = jnp.asarray(self.probs)
        above, below = log_beta_tails(x + 1, self.total_count - x, p, 1 - p)
        return below, above

    def kl_to(self, q: "Binomial") -> Array:
        """KL(self‖q), in nats, without cancellation when the numbers of trials are equal."""
        same = self.total_count * bernoulli_kl(jnp.asarray(self.probs), jnp.asarray(q.probs))
        cross, own = (-m.log_prob_of(*summarize(self, m.statistics)) for m in (q, self))
        return select(self.total_count == q.total_count, same, cross - own)
