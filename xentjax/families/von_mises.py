"""The von Mises distribution on the circle."""

import functools
import math
from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.lax import stop_gradient

from xentjax._bessel import bessel_ratio, bessel_ratio_complement, log_bessel_bregman, log_bessel_i
from xentjax._nodes import cut_depth, real_line, stretch_nodes
from xentjax._numerics import LOG_2PI, log1mexp
from xentjax._select import select
from xentjax.families.family import Family
from xentjax.families.rejection import accepted
from xentjax.parameters import Parameter, positive, real
from xentjax.statistics import direction, scatter, summarize
from xentjax.supports import CIRCLE


class VonMises(Family):
    """VonMises(loc, concentration): log q(x) = concentration cos(x − loc) − log(2π I₀(concentration)).

    Points are angles in radians from −π to π, and so is the distribution function, which begins at −π; loc may be any
    number. Mean and variance are those of directions.

    Args:
      loc: the mean direction, in radians.
      concentration: > 0; near 0 the distribution is uniform, a large one is about 1 / variance of the angle.

    >>> import xentjax as xj
    >>> round(xj.entropy(xj.VonMises(0.0, 1e-6)).item(), 5)  # log 2π
    1.83788

    See also: `scipy.stats.vonmises(kappa=concentration, loc=loc)`, whose distribution function begins at loc − π;
    numpyro has the same names; `WrappedCauchy`, with heavier tails.
    """

    loc: Parameter = real(0.0)
    concentration: Parameter = positive(1.0)

    support = CIRCLE
    statistics = (direction, scatter)

    def log_prob_of(self, mean: Array, scatter: Array) -> Array:
        # cos(x − loc) − 1 is −½ of a squared distance
        k = jnp.asarray(self.concentration)
        distance = jnp.sum((mean - direction(self.loc)) ** 2, -1) + scatter
        return -0.5 * k * distance - LOG_2PI - log_bessel_i(0, k)

    def expectations(self) -> dict:
        k = jnp.asarray(self.concentration)
        length = bessel_ratio(0, k)
        return {direction: length * direction(self.loc), scatter: bessel_ratio_complement(0, k) * (1 + length)}

    @classmethod
    def start(cls, source: Any) -> Self:
        # Banerjee et al. (2005), Clustering on the unit hypersphere: within 10 percent of the root of I₁ / I₀ = length
        mean, variance = summarize(source, cls.statistics)
        length = jnp.maximum(jnp.hypot(mean[0], mean[1]), 1e-3)
        return cls(jnp.arctan2(mean[1], mean[0]), length * (1 + variance) / variance)

    @property
    def mean(self) -> Array:
        """The direction of the mean of (cos x, sin x), from −π to π."""
        return wrap(jnp.asarray(self.loc))

    @property
    def variance(self) -> Array:
        """1 less the length of the mean of (cos x, sin x)."""
        return bessel_ratio_complement(0, jnp.asarray(self.concentration))

    @functools.partial(jax.jit, static_argnames="shape")
    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """By rejection from a wrapped Cauchy with the same curvature, which accepts more than half."""
        k = jnp.asarray(self.concentration)

        def propose(key: Array) -> tuple[Array, Array]:
            first, second = jax.random.split(key)
            half = jnp.arctan(jnp.tan(jnp.pi * (jax.random.uniform(first, (), k.dtype) - 0.5)) / jnp.sqrt(1 + 2 * k))
            # the ratio of the densities, exp(−w) (1 + w) with w = k (1 − cos), is P(gamma with shape 2 > w)
            return 2 * half, jax.random.gamma(second, 2.0, (), k.dtype) > 2 * k * jnp.sin(half) ** 2

        return wrap(self.loc + accepted(propose, key, shape))

    def tails(self, x: Array) -> tuple[Array, Array]:
        return _tails(jnp.asarray(self.concentration), self.mean, jnp.asarray(x, self.mean.dtype))

    def kl_to(self, q: "VonMises") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        k, other = jnp.asarray(self.concentration), jnp.asarray(q.concentration)
        turn = 2 * jnp.sin(0.5 * (self.loc - q.loc)) ** 2
        return log_bessel_bregman(0, k, other - k) + other * bessel_ratio(0, k) * turn

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        return circular_rule(self.log_prob, self.loc, 1 / jnp.sqrt(1 + 2 * jnp.asarray(self.concentration)), num_points)

    def coordinate(self) -> tuple[Array, Array]:
        # of the map of an interval, along which quantiles are found
        k = jnp.asarray(self.concentration)
        return jnp.zeros_like(k), jnp.ones_like(k)


def wrap(angle: Array) -> Array:
    """The same direction, from −π to π."""
    return angle - 2 * jnp.pi * jnp.round(angle / (2 * jnp.pi))


def pi_rest(dtype: Any) -> float:
    """π less its value in floating point."""
    pi = float(np.asarray(math.pi, dtype))
    return math.pi - pi + 1.2246467991473532e-16


@functools.partial(jnp.vectorize, signature="(),(),()->(),()")
def _tails(k: Array, loc: Array, x: Array) -> tuple[Array, Array]:
    """log of the probability from −π to x, and from x to π."""
    # either arc is cut where the density has its extremes: it is monotone on each of three pieces
    antipode = select(loc > 0, loc - jnp.pi, loc + jnp.pi)
    low, high = jnp.minimum(loc, antipode), jnp.maximum(loc, antipode)
    ends = jnp.asarray([-jnp.pi, jnp.pi], x.dtype)
    cuts = [[ends[0], low, high, x], [x, low, high, ends[1]]]
    edges = jnp.stack([jnp.stack([jnp.clip(e, row[0], row[3]) for e in row]) for row in cuts])
    # what π lacks in floating point, by which an arc that starts there is longer
    lost = jnp.asarray([[pi_rest(x.dtype), 0.0, 0.0], [0.0, 0.0, pi_rest(x.dtype)]], x.dtype)
    below, above = log_arcs(k, edges - loc, jnp.diff(edges, axis=-1) + lost)
    lower = below < above
    other = log1mexp(select(lower, below, above))
    return select(lower, below, other), select(lower, other, above)


def log_arcs(k: Array, edges: Array, widths: Array) -> Array:
    """log of the probability from the first to the last of four angles from the mode, of which two are extremes."""
    start, end = edges[..., :-1], edges[..., 1:]
    # from the end nearer to the mode outwards, as far as the density matters
    forward = jnp.abs(jnp.sin(0.5 * start)) < jnp.abs(jnp.sin(0.5 * end))
    first, sign = select(forward, start, end), select(forward, 1.0, -1.0)
    top = stop_gradient(jnp.abs(jnp.sin(0.5 * first)))
    reach = jnp.sqrt(top * top + 0.5 * cut_depth(k) / stop_gradient(k))
    enough = 2 * (jnp.arcsin(jnp.minimum(reach, 1.0)) - jnp.arcsin(top))
    steps, weights = stretch_nodes(select((reach < 1) & (enough < stop_gradient(widths)), enough, widths))
    half = 0.5 * steps * sign[..., None]
    fall = 2 * jnp.sin(half) * jnp.sin(first[..., None] + half)
    depth = 2 * k * jnp.sin(0.5 * first) ** 2
    # taken out with its derivatives: of the piece that decides none are left to cancel
    least = jnp.min(select(widths > 0, depth, jnp.inf), -1)
    # a piece of no width has a value of 0 and a derivative
    scale = jnp.exp(jnp.minimum(least[..., None] - depth, 1.0))
    integral = jnp.sum(weights * jnp.exp(-k * fall), -1) * scale
    return jnp.log(jnp.sum(integral, -1)) - least - LOG_2PI - log_bessel_i(0, k)


def circular_rule(log_prob: Callable, loc: Array, scale: Array, num_points: int) -> tuple[Array, Array]:
    """Points and weights for a density around loc, along the tangent of half the angle from there."""
    nodes, weights = real_line(num_points, jnp.result_type(scale))
    tangent = scale * nodes
    points = wrap(loc + 2 * jnp.arctan(tangent))
    # 2 du / (1 + u²), where u² may be out of range
    mass = jnp.exp(jax.vmap(log_prob)(points)) * weights * scale * 2 / jnp.hypot(1.0, tangent) / jnp.hypot(1.0, tangent)
    return points, mass
