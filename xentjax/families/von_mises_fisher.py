"""The von Mises–Fisher distribution."""

import functools
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._bessel import bessel_ratio, bessel_ratio_slope, log_bessel_bregman, log_bessel_i
from xentjax._numerics import HALF_LOG_2PI
from xentjax._select import select
from xentjax.families.family import Family
from xentjax.families.rejection import accepted
from xentjax.parameters import Parameter, real
from xentjax.statistics import identity, outer, square, summarize
from xentjax.supports import UNIT_VECTOR


class VonMisesFisher(Family):
    """VonMisesFisher(natural), with natural = concentration · mean_direction, for vectors x [d] of length 1, d ≥ 2.

    log q(x) = natural · x + (d/2 − 1) log κ − log I(κ) − ½ d log 2π with κ = |natural| and I the modified Bessel
    function of order d/2 − 1: a density with respect to the surface of the sphere.

    The one vector is what a fit moves: in it the cross-entropy is convex and smooth everywhere, and a direction has no
    coordinates of the kind. From a direction: `VonMisesFisher.from_direction(mean_direction, concentration)`.

    Args:
      natural: real numbers [d], not all 0: concentration · mean_direction.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> q = xj.VonMisesFisher.from_direction(jnp.array([0.0, 0.0, 1.0]), 1.0)
    >>> round(q.log_prob(jnp.array([0.0, 0.0, 1.0])).item(), 5)  # 1 - log(4 pi sinh 1)
    -1.69246

    See also: `scipy.stats.vonmises_fisher(mean_direction, concentration)`.

    Reference: Mardia & Jupp (2000), Directional Statistics, section 9.3.
    """

    natural: Parameter = real()

    support = UNIT_VECTOR
    # |x| = 1 is used: the squared distance of x from the mode has the digits that 1 − cos has lost
    statistics = (identity, square)

    @classmethod
    def from_direction(cls, mean_direction: Any, concentration: Any) -> Self:
        """From a unit vector [d] and a number > 0."""
        return cls(jnp.asarray(mean_direction) * concentration)

    @property
    def concentration(self) -> Array:
        """κ, the length of the natural parameter."""
        return jnp.linalg.norm(jnp.asarray(self.natural), axis=-1)

    @property
    def mean_direction(self) -> Array:
        """The mode [d], of length 1."""
        return self.natural / self.concentration[..., None]

    @property
    def _order(self) -> float:
        return 0.5 * jnp.shape(self.natural)[-1] - 1

    def log_prob_of(self, x: Array, variance: Array) -> Array:
        k = self.concentration
        distance = jnp.sum((x - self.mean_direction) ** 2 + variance, -1)
        norm = log_bessel_i(self._order, k) - self._order * jnp.log(k) + (2 * self._order + 2) * HALF_LOG_2PI
        return -0.5 * k * distance - norm

    def expectations(self) -> dict:
        k, direction = self.concentration, self.mean_direction
        across, along = bessel_ratio(self._order, k) / k, bessel_ratio_slope(self._order, k)
        matrix = across * jnp.eye(direction.shape[-1], dtype=k.dtype) + (along - across) * jnp.outer(
            direction, direction
        )
        return {identity: self.mean, square: self.variance, outer: matrix}

    @classmethod
    def start(cls, source: Any) -> Self:
        # Banerjee, Dhillon, Ghosh & Sra (2005), Clustering on the unit hypersphere, JMLR 6
        mean, variance = summarize(source, cls.statistics)
        length2 = jnp.sum(mean * mean)
        return cls(mean * (mean.shape[-1] - length2) / jnp.sum(variance))

    @property
    def mean(self) -> Array:
        return bessel_ratio(self._order, self.concentration) * self.mean_direction

    @property
    def variance(self) -> Array:
        """The variances [d] of the components."""
        k, direction = self.concentration, self.mean_direction
        across, along = bessel_ratio(self._order, k) / k, bessel_ratio_slope(self._order, k)
        return across * (1 - direction) * (1 + direction) + along * direction * direction

    @functools.partial(jax.jit, static_argnames="shape")
    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        # the cosine by rejection (Wood, 1994), then a direction across the mode
        k, direction = self.concentration, self.mean_direction
        rest = jnp.asarray(direction.shape[-1] - 1.0, k.dtype)
        b = rest / (2 * k + jnp.hypot(2 * k, rest))

        def propose(key: Array) -> tuple[Array, Array]:
            keys = jax.random.split(key, 3)
            z = jax.random.beta(keys[0], 0.5 * rest, 0.5 * rest, (), k.dtype)
            # 1 − cos and its value at the proposal's tangent point
            drop = 2 * b * z / (1 - (1 - b) * z)
            tangent = 2 * b / (1 + b)
            x0 = 1 - tangent
            # 1 − x0² = tangent (2 − tangent)
            level = -k * tangent + rest * (jnp.log(tangent) + jnp.log(2 - tangent))
            score = -k * drop + rest * jnp.log(tangent + x0 * drop) - level
            v = jax.random.normal(keys[1], direction.shape, k.dtype)
            v = v - (v @ direction) * direction
            point = (1 - drop) * direction + jnp.sqrt(drop * (2 - drop)) * v / jnp.linalg.norm(v)
            return point / jnp.linalg.norm(point), score >= jnp.log(jax.random.uniform(keys[2], (), k.dtype))

        return accepted(propose, key, shape)

    def kl_to(self, q: "VonMisesFisher") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        k, other, direction = self.concentration, q.concentration, self.mean_direction
        difference = jnp.asarray(q.natural) - self.natural
        # the difference of the lengths, and the length of q's vector less its component along p's
        delta = difference @ (jnp.asarray(q.natural) + self.natural) / (other + k)
        across = difference - (difference @ direction) * direction
        along = q.natural @ direction
        turned = select(along > 0, across @ across / (other + select(along > 0, along, 0.0)), other - along)
        return log_bessel_bregman(self._order, k, delta) + bessel_ratio(self._order, k) * turned
