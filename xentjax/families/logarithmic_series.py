"""The logarithmic series distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._nodes import BREGMAN_WEIGHTS, NODES, cut_depth, stretch_nodes
from xentjax._numerics import EULER_GAMMA, linear_minus_log, log1mexp, log_ratio
from xentjax._select import select
from xentjax.cumulants import cumulant, log_spread
from xentjax.families.family import Family
from xentjax.parameters import Parameter, unit_interval
from xentjax.statistics import identity, log, minus_log, square
from xentjax.supports import POSITIVE_COUNTS


class LogarithmicSeries(Family):
    """LogarithmicSeries(probs): log q(x) = x log probs − log x − log(−log(1 − probs)), for x = 1, 2, 3, ...

    Fisher's distribution of the numbers of individuals per species.

    Args:
      probs: strictly between 0 and 1; P(X = 1) = probs / −log(1 − probs).

    >>> import xentjax as xj
    >>> round(xj.LogarithmicSeries(0.5).log_prob(1.0).item(), 5)  # -log(2 log 2)
    -0.32663

    See also: `scipy.stats.logser(probs)`; `Geometric` and `Zeta`, with lighter and heavier tails.
    """

    probs: Parameter = unit_interval(0.5)

    support = POSITIVE_COUNTS
    statistics = (identity, minus_log)

    def log_prob_of(self, x: Array, gap: Array) -> Array:
        p = jnp.asarray(self.probs)
        # −log(1 − p) / p − 1 is 0 for p = 0, where all is at 1
        return (x - 1) * jnp.log(p) - jnp.log(x) + gap - jnp.log1p(_excess(p, 1 - p))

    def expectations(self) -> dict:
        p, mean = jnp.asarray(self.probs), self.mean
        gap = log_spread(lambda t: logarithmic_cumulant(p, -t), mean, jnp.ones_like(mean))
        return {
            identity: mean,
            square: self.variance,
            minus_log: gap,
            log: jnp.log(mean) - gap,
            cumulant: lambda t: logarithmic_cumulant(p, t),
        }

    @classmethod
    def start(cls, source: Any) -> Self:
        # the rest r = 1 − probs obeys r = 1 / (mean g(r)), a contraction; data that are all 1 have no maximum inside
        mean = source.expect(identity)
        mean = select(mean > 1, mean, 1 + 1e-3)
        rest = jax.lax.fori_loop(0, 16, lambda _, r: 1 / (mean * (1 + _excess(1 - r, r))), 1 / mean)
        return cls(1 - rest)

    @property
    def mean(self) -> Array:
        p = jnp.asarray(self.probs)
        return 1 / ((1 - p) * (1 + _excess(p, 1 - p)))

    @property
    def variance(self) -> Array:
        p = jnp.asarray(self.probs)
        return _variance(p, 1 - p)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        # geometric, counted from 1, with a random parameter (Kemp, 1981)
        first, second = jax.random.split(key)
        p = jnp.asarray(self.probs)
        share = -jnp.expm1(jnp.log1p(-p) * jax.random.uniform(first, shape, p.dtype))
        return 1 + jnp.floor(jax.random.exponential(second, shape, p.dtype) / -jnp.log(share))

    def tails(self, x: Array) -> tuple[Array, Array]:
        # Σ p^k / k over k > x is p^(x + 1) ∫ exp(−(x + 1) s) / (1 − p exp(−s)) ds over s > 0, whose pole at s = log p
        # is an exponential integral; P(X = 1) > 1 / 40, so that the complement loses no digits
        p, y = jnp.asarray(self.probs), x + 1
        rate = -jnp.log(p)
        s, weights = stretch_nodes(cut_depth(y) / y)
        u = s + rate[..., None]
        smooth = jnp.sum(weights * jnp.exp(-y[..., None] * s) * (1 / -jnp.expm1(-u) - 1 / u), -1)
        log_norm = jnp.log(-jnp.log1p(-p))
        survival = -y * rate + jnp.log(smooth + _scaled_exponential_integral(y * rate)) - log_norm
        return log1mexp(survival), survival

    def kl_to(self, q: "LogarithmicSeries") -> Array:
        """KL(self‖q), in nats, the cumulant function at the distance of the natural parameters."""
        p, q_p = jnp.asarray(self.probs), jnp.asarray(q.probs)
        return _cumulant(p, log_ratio(q_p, p), q_p, 1 - q_p)


def _excess(p: Array, rest: Array) -> Array:
    """−log(1 − p) / p − 1 ≥ 0, given rest = 1 − p."""
    return linear_minus_log(-p, rest) / p


def _variance(p: Array, rest: Array) -> Array:
    excess = _excess(p, rest)
    return excess / (rest * (1 + excess)) ** 2


def logarithmic_cumulant(p: Array, t: Array) -> Array:
    """log E exp(t (x − mean)); +inf where infinite."""
    rest = (1 - p) - p * jnp.expm1(t)
    finite = rest > 0
    t = select(finite, t, 0.0)
    value = _cumulant(p, t, p * jnp.exp(t), select(finite, rest, 1 - p))
    return select(finite, value, jnp.inf)


def _cumulant(p: Array, t: Array, moved: Array, rest: Array) -> Array:
    """The same, given moved = p exp(t) and rest = 1 − moved."""
    # the integral of (1 − s) t² times the variance at p exp(s t), where no singularity is near; else a difference
    distance = -jnp.log(p)
    near = jnp.abs(t) < 0.4 * jnp.minimum(jnp.minimum(distance, distance - t), 2.0)
    nodes = jnp.asarray(NODES, t.dtype).reshape((1,) * t.ndim + (-1,))
    steps = select(near, t, 0.0)[..., None] * nodes
    between = p * jnp.exp(steps), (1 - p) - p * jnp.expm1(steps)
    weights = jnp.asarray(BREGMAN_WEIGHTS, t.dtype)
    own = _excess(p, 1 - p)
    mean_less_1 = (p - own * (1 - p)) / ((1 - p) * (1 + own))
    # at far negative t nothing is left of moved, and its excess is half of it
    gone = moved < 1e-30
    excess = _excess(select(gone, 0.5, moved), select(gone, 0.5, rest))
    far = jnp.log1p(select(gone, 0.0, excess)) - jnp.log1p(own) - mean_less_1 * t
    # for p near 1, while moved is near it too, rather from the ratio of the rests
    rise = -jnp.log(rest / (1 - p)) / (p * (1 + own))
    far = select((p > 0.5) & (moved > 0.25), jnp.log1p(jnp.maximum(rise, -0.999)) - (1 + mean_less_1) * t, far)
    return select(near, t * t * (_variance(*between) @ weights), far)


def _scaled_exponential_integral(z: Array) -> Array:
    """exp(z) E₁(z) for z > 0."""
    small = z < 1
    low, high = select(small, z, 0.5), select(small, 2.0, z)
    t, weights = stretch_nodes(jnp.ones_like(z))
    # E₁ = −γ − log z + ∫ (1 − exp(−z t)) dt / t over [0, 1]
    series = -EULER_GAMMA - jnp.log(low) + jnp.sum(weights * -jnp.expm1(-low[..., None] * t) / t, -1)
    s, weights = stretch_nodes(cut_depth(z) / jax.lax.stop_gradient(high), 64)
    direct = jnp.sum(weights * jnp.exp(-high[..., None] * s) / (1 + s), -1)
    return select(small, jnp.exp(low) * series, direct)
