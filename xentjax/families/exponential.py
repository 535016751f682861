"""The exponential distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import EULER_GAMMA, expm1_minus, linear_minus_log, log1mexp
from xentjax._select import select
from xentjax.cumulants import cumulant, log_cumulant, log_gamma_cumulant
from xentjax.families.family import Family
from xentjax.families.gamma import gamma_cumulant
from xentjax.parameters import Parameter, positive
from xentjax.statistics import distance, identity, log, log_square, minus_log, square
from xentjax.supports import NON_NEGATIVE


def positive_exponential(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Draws of Exponential(1) for what must not be 0: JAX's are multiples of a step, and 0 stands for half of one."""
    return jnp.maximum(jax.random.exponential(key, shape, dtype), 0.5 * jnp.finfo(dtype).eps)


class Exponential(Family):
    """Exponential(rate): log q(x) = log rate − rate · x, for x ≥ 0.

    Args:
      rate: one over the mean, > 0.

    >>> import xentjax as xj
    >>> xj.entropy(xj.Exponential(1.0)).item()
    1.0

    See also: `scipy.stats.expon(scale=1 / rate)`.
    """

    rate: Parameter = positive(1.0)

    support = NON_NEGATIVE
    statistics = (identity,)

    def log_prob_of(self, x: Array) -> Array:
        return jnp.log(self.rate) - self.rate * x

    def expectations(self) -> dict:
        mean = self.mean
        return {
            identity: mean,
            square: mean * mean,
            minus_log: jnp.full_like(mean, EULER_GAMMA),
            log: jnp.log(mean) - EULER_GAMMA,
            log_square: jnp.full_like(mean, jnp.pi**2 / 6),
            log_cumulant: lambda k: log_gamma_cumulant(jnp.ones_like(k), k),
            distance: self._distance,
            cumulant: self._cumulant,
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        return cls(1 / source.expect(identity))

    @property
    def mean(self) -> Array:
        return 1 / jnp.asarray(self.rate)

    @property
    def variance(self) -> Array:
        return self.mean**2

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return jax.random.exponential(key, shape, jnp.result_type(self.rate)) / self.rate

    def _distance(self, point: Array) -> Array:
        # of a point c > 0: E|x − c| − |mean − c| = 2 mean exp(−c / mean), less 2 (mean − c) below the mean
        mean = self.mean
        c = select(point > 0, point, mean) / mean
        return select(point > 0, 2 * mean * select(c < 1, expm1_minus(-c), jnp.exp(-c)), 0.0)

    def _cumulant(self, t: Array) -> Array:
        return gamma_cumulant(jnp.ones_like(self.mean), jnp.asarray(self.rate), t)

    def tails(self, x: Array) -> tuple[Array, Array]:
        return log1mexp(-self.rate * x), -self.rate * x

    def inverse(self, probability: Array) -> Array:
        return -jnp.log1p(-probability) / self.rate

    def kl_to(self, q: "Exponential") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return linear_minus_log((q.rate - self.rate) / self.rate, q.rate / self.rate)
