"""The generalised normal distribution."""

import math
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._gamma import log_gamma
from xentjax._numerics import as_float, quotient
from xentjax._select import select
from xentjax._tails import log_gamma_tails
from xentjax.families.family import Family, within_support
from xentjax.families.gamma import Gamma
from xentjax.parameters import Parameter, positive, real
from xentjax.statistics import distance, identity, square, summarize
from xentjax.supports import REAL


class GeneralizedNormal(Family):
    """GeneralizedNormal(loc, scale, shape), with b = shape, for real x.

    log q(x) = −|z|^b − log(2 scale) − log Γ(1 + 1/b) with z = (x − loc) / scale. It has no finite set of statistics: a
    cross-entropy to it needs points. For shape ≤ 1 the likelihood has a peak in loc at every point of the data, so that
    a fit needs loc held, say at the median: `fixed={"loc": ...}`.

    Args:
      loc: mean, mode and median.
      scale: the scale, > 0: for shape 2 it is √2 times the standard deviation.
      shape: the exponent, > 0; 1 gives Laplace(loc, scale), 2 a normal distribution.

    >>> import xentjax as xj
    >>> round(xj.entropy(xj.GeneralizedNormal(0.0, 1.0, 1.0)).item(), 5)  # Laplace: 1 + log 2
    1.69315

    See also: `scipy.stats.gennorm(shape, loc, scale)`: scipy's `beta` is our `shape`.
    """

    loc: Parameter = real(0.0)
    scale: Parameter = positive(1.0)
    shape: Parameter = positive(2.0)

    support = REAL

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within = self.support.contains(x)
        z = quotient(select(within, x, 0.0) - self.loc, self.scale)
        return within_support(within, x, -self._power(jnp.abs(z)) - self._log_norm())

    def _log_norm(self) -> Array:
        return math.log(2) + jnp.log(self.scale) + log_gamma(1 + 1 / jnp.asarray(self.shape))

    def _power(self, size: Array) -> Array:
        """size^b; at 0 its derivatives are taken as 0."""
        positive = size > 0
        log_size = jnp.log(select(positive, size, 1.0))
        return select(positive, jnp.exp(self.shape * log_size), 0.0)

    def expectations(self) -> dict:
        return {identity: self.loc, square: self.variance, distance: self._distance}

    def _distance(self, point: Array) -> Array:
        # twice the mean excess over the point, on the side away from loc
        u, a = jnp.abs(self.loc - point) / self.scale, 1 / jnp.asarray(self.shape)
        shapes, power = jnp.stack([2 * a, a]), self._power(u)
        excess, tail = jnp.exp(log_gamma_tails(shapes, jnp.stack([power, power]))[1])
        return self.scale * jnp.maximum(mean_size(jnp.asarray(self.shape)) * excess - u * tail, 0.0)

    @classmethod
    def start(cls, source: Any) -> Self:
        """The shape whose mean distance has the ratio to its standard deviation that is found."""
        mean, variance = summarize(source, (identity, square))
        size = source.expect(distance(mean).about(mean))
        log_shapes = jnp.linspace(math.log(0.25), math.log(20.0), 24, dtype=variance.dtype)
        shapes = jnp.exp(log_shapes)
        ratios = mean_size(shapes) / jnp.sqrt(mean_square(shapes))
        shape = jnp.exp(jnp.interp(size / jnp.sqrt(variance), ratios, log_shapes))
        return cls(mean, size / mean_size(shape), shape)

    @property
    def mean(self) -> Array:
        return jnp.asarray(self.loc)

    @property
    def variance(self) -> Array:
        return jnp.asarray(self.scale) ** 2 * mean_square(jnp.asarray(self.shape))

    def entropy(self) -> Array:
        """H(self), in nats."""
        return 1 / jnp.asarray(self.shape) + self._log_norm()

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        sign_key, size_key = jax.random.split(key)
        a = 1 / jnp.asarray(self.shape)
        # the logarithm, which a small concentration does not take out of the range of floats
        size = jnp.exp(a * jax.random.loggamma(size_key, a, shape, a.dtype))
        return self.loc + self.scale * jax.random.rademacher(sign_key, shape, a.dtype) * size

    def tails(self, x: Array) -> tuple[Array, Array]:
        # P(|Z| > |z|) = Q(1 / b, |z|^b)
        z, a = (x - self.loc) / self.scale, 1 / jnp.asarray(self.shape)
        lower, power = z < 0, self._power(jnp.abs(z))
        far = log_gamma_tails(a, power)[1] - math.log(2)
        near = jnp.log1p(-jnp.exp(far))
        # in the middle the power is 0 and has no slope
        rise = z * jnp.exp(-log_gamma(1 + a))
        middle, rise = power == 0, select(power == 0, rise, 0.0)
        below = select(middle, jnp.log1p(rise) - math.log(2), select(lower, far, near))
        return below, select(middle, jnp.log1p(-rise) - math.log(2), select(lower, near, far))

    def coordinate(self) -> tuple[Array, Array]:
        return self.loc, jnp.sqrt(self.variance)

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        # |z|^b is of the gamma distribution, on either side of the kink
        a = 1 / jnp.asarray(self.shape)
        powers, weights = Gamma(a, jnp.ones_like(a)).quadrature_rule(num_points // 2)
        sizes = self.scale * powers**a
        return jnp.concatenate([self.loc - sizes, self.loc + sizes]), 0.5 * jnp.tile(weights, 2)


def mean_size(shape: Array) -> Array:
    """E|z| = Γ(2/b) / Γ(1/b)."""
    return 0.5 * jnp.exp(log_gamma(1 + 2 / shape) - log_gamma(1 + 1 / shape))


def mean_square(shape: Array) -> Array:
    """E z² = Γ(3/b) / Γ(1/b)."""
    return jnp.exp(log_gamma(1 + 3 / shape) - log_gamma(1 + 1 / shape)) / 3
