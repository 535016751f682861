"""The Cauchy distribution."""

import math
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float, quotient
from xentjax._select import select
from xentjax.cumulants import cumulant
from xentjax.families.family import Family, within_support
from xentjax.families.laplace import sample_quantile
from xentjax.parameters import Parameter, positive, real
from xentjax.sources import Empirical
from xentjax.statistics import distance, identity, square, summarize
from xentjax.supports import REAL


class Cauchy(Family):
    """Cauchy(loc, scale): log q(x) = −log(π scale) − log(1 + z²) with z = (x − loc) / scale, for real x.

    It has no mean and no finite set of statistics: a cross-entropy to it from another family needs points.

    Args:
      loc: mode and median.
      scale: half the distance of the quartiles, > 0.

    >>> import xentjax as xj
    >>> round(xj.kl_divergence(xj.Cauchy(0.0, 1.0), xj.Cauchy(2.0, 1.0)).item(), 5)  # log 2
    0.69315

    See also: `scipy.stats.cauchy(loc, scale)`; `StudentT`, whose df is 1 here.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)

    support = REAL

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        z = quotient(select(within, x, 0.0) - self.loc, self.scale)
        # z² may overflow: 1 + z² = z² (1 + 1 / z²)
        far = jnp.abs(z) > 1
        near, large = select(far, 0.0, z), jnp.abs(select(far, z, 1.0))
        beyond = 2 * jnp.log(large) + jnp.log1p((1 / large) ** 2)
        log_square = select(far, beyond, jnp.log1p(near * near))
        return within_support(within, x, -math.log(math.pi) - jnp.log(self.scale) - log_square)

    def expectations(self) -> dict:
        # there is no mean, but what exceeds |x| has an infinite expectation, and so has a cross-entropy by it
        infinite = jnp.full_like(self.scale, jnp.inf)
        return {
            identity: self.loc,
            square: infinite,
            distance: lambda point: jnp.full_like(point, jnp.inf),
            cumulant: infinite_cumulant,
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        if isinstance(source, Empirical):
            low, loc, high = (sample_quantile(source, level) for level in (0.25, 0.5, 0.75))
            return cls(loc, 0.5 * (high - low))
        mean, variance = summarize(source, (identity, square))
        return cls(mean, jnp.sqrt(variance))

    @property
    def mean(self) -> Array:
        return jnp.full_like(self.scale, jnp.nan)

    @property
    def variance(self) -> Array:
        return jnp.full_like(self.scale, jnp.nan)

    def entropy(self) -> Array:
        """H(self), in nats."""
        return math.log(4 * math.pi) + jnp.log(self.scale)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return self.loc + self.scale * jax.random.cauchy(key, shape, jnp.result_type(self.scale))

    def tails(self, x: Array) -> tuple[Array, Array]:
        z = (x - self.loc) / self.scale
        lower = z < 0
        size = select(lower, -z, z)
        # the arctangent of 1 / z, whose derivative would form z²
        distant = size > 1e9
        angle = jnp.log(jnp.arctan2(jnp.ones_like(z), select(distant, 1.0, size)))
        far = select(distant, -jnp.log(select(distant, size, 1.0)), angle) - math.log(math.pi)
        near = jnp.log1p(-jnp.exp(far))
        return select(lower, far, near), select(lower, near, far)

    def inverse(self, probability: Array) -> Array:
        lower = probability < 0.5
        distance = 1 / jnp.tan(jnp.pi * select(lower, probability, 1 - probability))
        return self.loc + self.scale * select(lower, -distance, distance)

    def kl_to(self, q: "Cauchy") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        d, s = self.loc - q.loc, self.scale - q.scale
        return jnp.log1p(0.25 * ((s / self.scale) * (s / q.scale) + (d / self.scale) * (d / q.scale)))

    def coordinate(self) -> tuple[Array, Array]:
        return self.loc, self.scale


def infinite_cumulant(t: Array) -> Array:
    """The cumulant function of tails heavier than any exponential."""
    return select(t == 0, 0.0, jnp.inf)
