"""The multinomial distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_factorial_gap
from xentjax._numerics import relative_entropy_term
from xentjax._select import select
from xentjax.cumulants import log_gamma_plus_one
from xentjax.families.binomial import Binomial
from xentjax.families.family import Family
from xentjax.parameters import Parameter, count, simplex
from xentjax.statistics import identity, square
from xentjax.supports import COUNT_VECTOR


class Multinomial(Family):
    """Multinomial(total_count, probs), with n = total_count, for vectors x [k] of counts that sum to n.

    log q(x) = log n! − Σ log xᵢ! + Σ xᵢ log probsᵢ. n is never fitted; the class takes it from the data, which must
    all have one total.

    Args:
      total_count: the number of trials, a whole number ≥ 0.
      probs: probabilities [k] that sum to 1.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> p = xj.Multinomial(2, jnp.array([0.5, 0.25, 0.25]))
    >>> round(p.log_prob(jnp.array([1.0, 1.0, 0.0])).item(), 5)  # log 1/4
    -1.38629

    See also: `scipy.stats.multinomial(total_count, probs)`; numpyro has the same names and the opposite order;
    `Categorical`, for one trial, `Binomial`, for two categories.
    """

    total_count: Parameter = count()
    probs: Parameter = simplex()

    support = COUNT_VECTOR
    statistics = (identity, log_gamma_plus_one)

    def contains(self, x: Array) -> Array:
        return self.support.contains(x) & (jnp.sum(x, -1) == self.total_count)

    @property
    def interior(self) -> Any:
        return 0.0

    def log_prob_of(self, x: Array, gap: Array) -> Array:
        n, p = jnp.asarray(self.total_count, x.dtype), jnp.asarray(self.probs, x.dtype)
        terms = log_factorial_gap(x) + gap + relative_entropy_term(x, n * p)
        # counts with another total, whose mean may come here too, are no values; the point that stands in for them is 0
        possible = (jnp.abs(jnp.sum(x, -1) - n) < 0.5) | jnp.all(x == 0, -1)
        return select(possible, log_factorial_gap(n) - jnp.sum(terms, -1), -jnp.inf)

    def expectations(self) -> dict:
        p = jnp.asarray(self.probs)
        n = jnp.asarray(self.total_count, p.dtype)
        factorial = jax.vmap(lambda p: Binomial(n, p).known(log_gamma_plus_one))(p)
        return {identity: self.mean, square: self.variance, log_gamma_plus_one: factorial}

    @classmethod
    def start(cls, source: Any) -> Self:
        # exact; where a category never occurs there is no maximum inside, and the climb starts a little inside
        mean = source.expect(identity)
        n = jnp.round(jnp.sum(mean))
        probs = mean / jnp.sum(mean)
        return cls(n, select(jnp.all(probs > 0), probs, 0.999 * probs + 0.001 / probs.size))

    @property
    def mean(self) -> Array:
        p = jnp.asarray(self.probs)
        return jnp.asarray(self.total_count, p.dtype) * p

    @property
    def variance(self) -> Array:
        """The variances [k] of the counts."""
        return self.mean * (1 - jnp.asarray(self.probs))

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        # without `shape`, of which releases of JAX disagree whether it holds the last axis
        p = jnp.asarray(self.probs)
        n = jnp.broadcast_to(jnp.asarray(self.total_count, p.dtype), shape)
        return jax.random.multinomial(key, n, jnp.broadcast_to(p, (*shape, p.shape[-1])), dtype=p.dtype)

    def kl_to(self, q: "Multinomial") -> Array:
        """KL(self‖q), in nats, without cancellation; +inf where the totals differ."""
        p = jnp.asarray(self.probs)
        n, other = jnp.asarray(self.total_count, p.dtype), jnp.asarray(q.total_count, p.dtype)
        return select(n == other, n * jnp.sum(relative_entropy_term(p, jnp.asarray(q.probs)), -1), jnp.inf)
