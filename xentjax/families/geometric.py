"""The geometric distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import log1mexp
from xentjax._select import select
from xentjax.cumulants import cumulant
from xentjax.families.bernoulli import bernoulli_kl
from xentjax.families.family import Family
from xentjax.families.negative_binomial import gamma_poisson_cumulant
from xentjax.parameters import Parameter, unit_interval
from xentjax.statistics import identity, square
from xentjax.supports import COUNTS


class Geometric(Family):
    """Geometric(probs): log q(x) = log probs + x log(1 − probs), for x = 0, 1, 2, ... failures before a success.

    Args:
      probs: the probability of success, strictly between 0 and 1; the mean is (1 − probs) / probs.

    >>> import xentjax as xj
    >>> round(xj.in_bits(xj.entropy(xj.Geometric(0.5))).item(), 6)
    2.0

    See also: `scipy.stats.geom(probs, loc=-1)`, which by itself counts trials, from 1.
    """

    probs: Parameter = unit_interval(0.5)

    support = COUNTS
    statistics = (identity,)

    def log_prob_of(self, x: Array) -> Array:
        return jnp.log(self.probs) + select(x == 0, 0.0, x * jnp.log1p(-select(x == 0, 0.0, self.probs)))

    def expectations(self) -> dict:
        mean = self.mean
        return {
            identity: mean,
            square: self.variance,
            cumulant: lambda t: gamma_poisson_cumulant(mean, jnp.ones_like(mean), t),
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        # 1 / (1 + mean) is exact; data that are all 0 have no maximum inside, and the climb starts a little inside
        mean = source.expect(identity)
        return cls(1 / (1 + select(mean > 0, mean, 1e-3)))

    @property
    def mean(self) -> Array:
        return (1 - jnp.asarray(self.probs)) / self.probs

    @property
    def variance(self) -> Array:
        return self.mean / self.probs

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        waiting = jax.random.exponential(key, shape, jnp.result_type(self.probs))
        return jnp.floor(waiting / -jnp.log1p(-jnp.asarray(self.probs)))

    def tails(self, x: Array) -> tuple[Array, Array]:
        survival = (x + 1) * jnp.log1p(-jnp.asarray(self.probs))
        return log1mexp(survival), survival

    def kl_to(self, q: "Geometric") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return bernoulli_kl(jnp.asarray(self.probs), jnp.asarray(q.probs)) / self.probs
