"""Quantiles by inversion: the root of a distribution function that is known by its two log tails."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

# a bisection alone would halve the bracket to the rounding in 64 (24 in float32) steps; Newton steps end it far earlier
MAX_STEPS = 128


@jax.custom_jvp
def invert(p: Any, probability: Array) -> Array:
    """The x with P(X ≤ x) = probability for a continuous distribution p and a probability strictly between 0 and 1.

    Newton's method on the logarithm of the smaller tail, inside a bracket, in the coordinate of `p.constrain`; NaN
    where no bracket ends before a tenth of the largest float. The derivative follows from F(x(θ); θ) = probability,
    and so do all higher ones.
    """
    value_and_slope = jax.value_and_grad(lambda u: _excess(p, p.constrain(u), probability))
    loc, scale = p.coordinate()
    low, high, closed = _bracket(lambda u: value_and_slope(u)[0], loc, scale)
    eps = jnp.finfo(loc.dtype).eps

    def unfinished(state: tuple) -> Array:
        low, high, _, moved, steps = state
        size = scale + jnp.maximum(jnp.abs(low), jnp.abs(high))
        return (high - low > eps * size) & (moved > eps * size) & (steps < MAX_STEPS)

    def step(state: tuple) -> tuple:
        low, high, u, moved, steps = state
        value, slope = value_and_slope(u)
        low, high = jnp.where(value < 0, u, low), jnp.where(value < 0, high, u)
        newton = u - value / slope
        # a Newton step that leaves the bracket, or does not halve the last, is replaced by a bisection
        good = (newton > low) & (newton < high) & (jnp.abs(newton - u) < 0.5 * moved)
        good = good | (value == 0)
        new = jnp.where(good, newton, 0.5 * (low + high))
        return low, high, new, jnp.abs(new - u), steps + 1

    start = (low, high, 0.5 * (low + high), jnp.full_like(low, jnp.inf), 0)
    return jnp.where(closed, p.constrain(jax.lax.while_loop(unfinished, step, start)[2]), jnp.nan)


@invert.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p, probability), (dp, dprobability) = primals, tangents
    x = invert(p, probability)
    # the tail that is smaller at x has the digits
    _, moved = jax.jvp(lambda p, probability: _excess(p, x, probability), (p, probability), (dp, dprobability))
    return x, -moved / jax.grad(lambda x: _excess(p, x, probability))(x)


def _excess(p: Any, x: Array, probability: Array) -> Array:
    """0 at the quantile, increasing in x: a difference of the logarithms of the smaller tail."""
    log_cdf, log_survival = p.tails(x)
    lower = probability < 0.5
    target = jnp.where(lower, jnp.log(probability), jnp.log1p(-probability))
    return jnp.where(lower, log_cdf - target, target - log_survival)


def _bracket(excess: Any, loc: Array, scale: Array) -> tuple[Array, Array, Array]:
    """Two points with the root between them, found by steps that double; whether there are such points."""
    farthest = 0.1 * jnp.finfo(loc.dtype).max

    def reach(sign: int) -> tuple[Array, Array, Array]:
        def outside(state: tuple) -> Array:
            _, u, width = state
            return (sign * excess(u) < 0) & (width < farthest)

        def double(state: tuple) -> tuple:
            _, u, width = state
            return u, u + sign * width, 2 * width

        start = loc + sign * scale
        before, u, width = jax.lax.while_loop(outside, double, (start, start, scale))
        return before, u, width < farthest

    (top, low, lower), (bottom, high, upper) = reach(-1), reach(1)
    # the root lies within the last of the steps that were taken
    moved_down, moved_up = low < top, high > bottom
    return jnp.where(moved_up, bottom, low), jnp.where(moved_down, top, high), lower & upper


def invert_counts(p: Any, probability: Array) -> Array:
    """The least whole number x with P(X ≤ x) ≥ probability, by doubling and bisection; its derivatives are 0.

    Beyond the whole numbers that floats tell apart it is the float next above; +inf where no float is large enough.
    """
    p, probability = jax.lax.stop_gradient((p, probability))
    low, top = p.ends()
    # rounding of the tails is not to move a quantile that is met exactly
    slack = 8 * jnp.finfo(probability.dtype).eps

    def short(x: Array) -> Array:
        return p.cdf(x) < probability * (1 - slack)

    below = jnp.asarray(low, probability.dtype) - 1

    def too_narrow(width: Array) -> Array:
        return (below + width < jnp.minimum(top, jnp.finfo(width.dtype).max)) & short(below + width)

    width = jax.lax.while_loop(too_narrow, lambda width: 2 * width, jnp.ones_like(below))

    def between(state: tuple) -> Array:
        low, high = state
        return jnp.floor(low + 0.5 * (high - low))

    def apart(state: tuple) -> Array:
        low, high = state
        return (between(state) > low) & (between(state) < high) & (high < jnp.inf)

    def halve(state: tuple) -> tuple:
        low, high = state
        middle = between(state)
        short_there = short(middle)
        return jnp.where(short_there, middle, low), jnp.where(short_there, high, middle)

    return jax.lax.while_loop(apart, halve, (below, jnp.minimum(below + width, top)))[1]
