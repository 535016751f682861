"""The wrapped Cauchy distribution on the circle."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import LOG_2PI
from xentjax.families.family import Family
from xentjax.families.von_mises import circular_rule, pi_rest, wrap
from xentjax.parameters import Parameter, real, unit_interval
from xentjax.statistics import Center, direction, scatter, summarize
from xentjax.supports import CIRCLE


class WrappedCauchy(Family):
    """WrappedCauchy(loc, concentration), with r = concentration: a Cauchy variable with scale −log r, modulo 2π.

    log q(x) = log(1 − r²) − log(1 + r² − 2 r cos(x − loc)) − log 2π, for angles from −π to π.

    The distribution function begins at −π. Mean and variance are those of directions.

    Args:
      loc: the mean direction, in radians; any number.
      concentration: the length of the mean of (cos x, sin x), strictly between 0 (uniform) and 1.

    >>> import math
    >>> import xentjax as xj
    >>> round(xj.entropy(xj.WrappedCauchy(0.0, 0.5)).item() - math.log(2 * math.pi), 5)  # log(1 - 1/4)
    -0.28768

    See also: `scipy.stats.wrapcauchy(c=concentration, loc=loc)`, whose points go from loc to loc + 2π.
    """

    loc: Parameter = real(0.0)
    concentration: Parameter = unit_interval(0.5)

    support = CIRCLE

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (log_chord((jnp.asarray(self.loc), jnp.asarray(self.concentration))),)

    def log_prob_of(self, log_chord: Array) -> Array:
        return self._log_length() - log_chord - LOG_2PI

    def _log_length(self) -> Array:
        r = jnp.asarray(self.concentration)
        return jnp.log1p(-r) + jnp.log1p(r)

    def expectations(self) -> dict:
        r = jnp.asarray(self.concentration)
        return {direction: r * direction(self.loc), scatter: (1 - r) * (1 + r), log_chord: self._log_chord}

    def _log_chord(self, to: tuple) -> Array:
        # the logarithm of a modulus is harmonic: its mean is its value at the centre
        loc, r = to
        product = r * self.concentration
        return _log_squared_chord(jnp.asarray(self.loc) - loc, product, 1 - product)

    @classmethod
    def start(cls, source: Any) -> Self:
        mean, _ = summarize(source, (direction, scatter))
        return cls(jnp.arctan2(mean[1], mean[0]), jnp.clip(jnp.hypot(mean[0], mean[1]), 1e-3, 0.999))

    @property
    def mean(self) -> Array:
        """The direction of the mean of (cos x, sin x), from −π to π."""
        return wrap(jnp.asarray(self.loc))

    @property
    def variance(self) -> Array:
        """1 less the length of the mean of (cos x, sin x)."""
        return 1 - jnp.asarray(self.concentration)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        uniform = jax.random.uniform(key, shape, jnp.result_type(self.concentration)) - 0.5
        return wrap(self.loc + 2 * jnp.arctan(self._scale() * jnp.tan(jnp.pi * uniform)))

    def _scale(self) -> Array:
        # the tangent of half the angle has a Cauchy distribution with this scale
        r = jnp.asarray(self.concentration)
        return (1 - r) / (1 + r)

    def tails(self, x: Array) -> tuple[Array, Array]:
        # a difference of two arctangents is one arctangent
        # the maximum keeps XLA from adding up π and what it lacks
        distances = jnp.maximum(jnp.stack([jnp.pi + x, jnp.pi - x]), 0.0) + pi_rest(x.dtype)
        sine = self._scale() * jnp.sin(0.5 * distances)
        cosine = self._inner(0.5 * (x - self.loc))
        return jnp.log(jnp.arctan2(sine[0], cosine) / jnp.pi), jnp.log(jnp.arctan2(sine[1], -cosine) / jnp.pi)

    def _inner(self, half: Array) -> Array:
        start = -0.5 * (jnp.pi + jnp.asarray(self.loc))
        return self._scale() ** 2 * jnp.cos(half) * jnp.cos(start) + jnp.sin(half) * jnp.sin(start)

    def inverse(self, probability: Array) -> Array:
        start, scale = -0.5 * (jnp.pi + jnp.asarray(self.loc)), self._scale()
        sine, cosine = jnp.sin(start), jnp.cos(start)
        part = jnp.sin(jnp.pi * probability)
        along = part * (scale**2 * cosine**2 + sine**2)
        across = scale * jnp.cos(jnp.pi * probability) - part * (1 - scale**2) * sine * cosine
        return 2 * jnp.arctan2(along, across) - jnp.pi

    def kl_to(self, q: "WrappedCauchy") -> Array:
        """KL(self‖q), in nats, without cancellation; symmetric."""
        p_r, q_r = jnp.asarray(self.concentration), jnp.asarray(q.concentration)
        turn = jnp.sin(0.5 * (self.loc - q.loc))
        excess = (p_r - q_r) ** 2 + 4 * p_r * q_r * turn * turn
        return jnp.log1p(excess / ((1 - p_r) * (1 + p_r) * (1 - q_r) * (1 + q_r)))

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        return circular_rule(self.log_prob, self.loc, self._scale(), num_points)

    def coordinate(self) -> tuple[Array, Array]:
        r = jnp.asarray(self.concentration)
        return jnp.zeros_like(r), jnp.ones_like(r)


def log_chord(to: tuple) -> Center:
    """log(1 + r² − 2 r cos(x − loc)), to = (loc, r): twice the log of a distance between points of the disc."""

    def value(x: Any) -> Array:
        loc, r = to
        return _log_squared_chord(x - loc, r, 1 - r)

    return Center("log(1 + r² − 2 r cos(x − loc))", value, to, log_chord)


def _log_squared_chord(angle: Array, length: Array, rest: Array) -> Array:
    half = jnp.sin(0.5 * angle)
    return jnp.log(rest * rest + 4 * length * half * half)
