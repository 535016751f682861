"""The Poisson distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_factorial_gap
from xentjax._numerics import expm1_minus, relative_entropy_term
from xentjax._tails import log_gamma_tails
from xentjax.cumulants import cumulant, log_gamma_plus_one
from xentjax.families.family import Family
from xentjax.parameters import Parameter, positive
from xentjax.statistics import identity, square
from xentjax.supports import COUNTS


class Poisson(Family):
    """Poisson(rate): log q(x) = x log rate − rate − log x!, for x = 0, 1, 2, ...

    Args:
      rate: the mean, > 0.

    >>> import xentjax as xj
    >>> xj.Poisson(2.0).log_prob(0.0).item()
    -2.0

    See also: `scipy.stats.poisson(rate)`; `NegativeBinomial`, for counts more dispersed than this.
    """

    rate: Parameter = positive(1.0)

    support = COUNTS
    statistics = (identity, log_gamma_plus_one)

    def log_prob_of(self, x: Array, gap: Array) -> Array:
        return -relative_entropy_term(x, jnp.asarray(self.rate, x.dtype)) - log_factorial_gap(x) - gap

    def expectations(self) -> dict:
        return {identity: self.mean, square: self.variance, cumulant: lambda t: self.rate * expm1_minus(t)}

    @classmethod
    def start(cls, source: Any) -> Self:
        return cls(source.expect(identity))

    @property
    def mean(self) -> Array:
        return jnp.asarray(self.rate)

    @property
    def variance(self) -> Array:
        return jnp.asarray(self.rate)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return jax.random.poisson(key, jnp.asarray(self.rate), shape).astype(jnp.result_type(self.rate))

    def tails(self, x: Array) -> tuple[Array, Array]:
        above, below = log_gamma_tails(x + 1, jnp.asarray(self.rate))
        return below, above

    def kl_to(self, q: "Poisson") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return relative_entropy_term(jnp.asarray(self.rate), jnp.asarray(q.rate))
