"""The logistic distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import softplus

from xentjax._numerics import as_float, quotient
from xentjax._select import select
from xentjax.cumulants import cumulant, log_gamma_cumulant
from xentjax.families.family import Family, within_support
from xentjax.parameters import Parameter, positive, real
from xentjax.statistics import distance, identity, square, summarize
from xentjax.supports import REAL


class Logistic(Family):
    """Logistic(loc, scale): log q(x) = −z − 2 log(1 + exp(−z)) − log scale with z = (x − loc) / scale, for real x.

    It has no finite set of statistics: a cross-entropy to it needs points.

    Args:
      loc: mean and median.
      scale: the scale, > 0; the standard deviation is π scale / √3.

    >>> import xentjax as xj
    >>> xj.entropy(xj.Logistic(0.0, 1.0)).item()
    2.0

    See also: `scipy.stats.logistic(loc, scale)`; R and numpyro have the same names.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)

    support = REAL

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        z = quotient(select(within, x, 0.0) - self.loc, self.scale)
        return within_support(within, x, -z - 2 * softplus(-z) - jnp.log(self.scale))

    def expectations(self) -> dict:
        return {identity: self.loc, square: self.variance, distance: self._distance, cumulant: self._cumulant}

    def _distance(self, point: Array) -> Array:
        return 2 * self.scale * jnp.log1p(jnp.exp(-jnp.abs(self.loc - point) / self.scale))

    def _cumulant(self, t: Array) -> Array:
        # E exp(t z) = Γ(1 + t) Γ(1 − t)
        one, s = jnp.ones_like(t), self.scale * t
        return log_gamma_cumulant(one, s) + log_gamma_cumulant(one, -s)

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, variance = summarize(source, (identity, square))
        return cls(mean, jnp.sqrt(3 * variance) / jnp.pi)

    @property
    def mean(self) -> Array:
        return jnp.asarray(self.loc)

    @property
    def variance(self) -> Array:
        return jnp.pi**2 / 3 * jnp.asarray(self.scale) ** 2

    def entropy(self) -> Array:
        """H(self), in nats."""
        return 2 + jnp.log(self.scale)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self.loc + self.scale * jax.random.logistic(key, shape, jnp.result_type(self.scale))

    def tails(self, x: Array) -> tuple[Array, Array]:
        z = (x - self.loc) / self.scale
        return -softplus(-z), -softplus(z)

    def inverse(self, probability: Array) -> Array:
        return self.loc + self.scale * (jnp.log(probability) - jnp.log1p(-probability))

    def coordinate(self) -> tuple[Array, Array]:
        return self.loc, self.scale
