"""Quantiles by inversion: the root of a distribution function that is known by its two log tails."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._select import select

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
    eps, farthest = jnp.finfo(loc.dtype).eps, 0.1 * jnp.finfo(loc.dtype).max
    infinite = jnp.full_like(loc, jnp.inf)

    # one loop for both stages: the tails, which are the costly part, are then compiled once
    def unfinished(state: tuple) -> Array:
        low, high, _, width, moved, steps = state
        size = scale + jnp.maximum(jnp.abs(low), jnp.abs(high))
        apart = (high - low > eps * size) & (moved > eps * size) & (steps < MAX_STEPS)
        return select(high - low < jnp.inf, apart, width < farthest)

    def step(state: tuple) -> tuple:
        low, high, u, width, moved, steps = state
        value, slope = value_and_slope(u)
        low, high = select(value < 0, u, low), select(value < 0, high, u)
        closed = high - low < jnp.inf
        newton, middle = u - value / slope, 0.5 * (low + high)
        # a Newton step that leaves the bracket, or does not halve the last, is replaced by a bisection
        good = (newton > low) & (newton < high) & (jnp.abs(newton - u) < 0.5 * moved)
        inside = select(value == 0, u, select(good, newton, middle))
        # until there is a bracket, steps that double
        outside = select(high == jnp.inf, u + width, u - width)
        new = select(closed, inside, outside)
        moved = select(closed, jnp.abs(new - u), moved)
        return low, high, new, select(closed, width, 2 * width), moved, select(closed, steps + 1, 0)

    start = (-infinite, infinite, loc, scale, infinite, 0)
    low, high, u, *_ = jax.lax.while_loop(unfinished, step, start)
    return select(high - low < jnp.inf, p.constrain(u), jnp.nan)


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
    target = select(lower, jnp.log(probability), jnp.log1p(-probability))
    return select(lower, log_cdf - target, target - log_survival)


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

    # one loop for both stages, as above
    def middle_of(low: Array, high: Array, width: Array) -> Array:
        beyond = jnp.minimum(below + width, jnp.minimum(top, jnp.finfo(width.dtype).max))
        return select(high == jnp.inf, beyond, jnp.floor(low + 0.5 * (high - low)))

    def apart(state: tuple) -> Array:
        (low, high, width), middle = state, middle_of(*state)
        # far out a width of 1 is less than the distance of floats: the next is more
        unbounded = (low < top) & (width < 0.1 * jnp.finfo(width.dtype).max)
        return select(high == jnp.inf, unbounded, (middle > low) & (middle < high))

    def halve(state: tuple) -> tuple:
        low, high, width = state
        middle = middle_of(low, high, width)
        short_there = short(middle)
        return select(short_there, middle, low), select(short_there, high, middle), 2 * width

    end = jnp.full_like(below, jnp.inf)
    return jnp.minimum(jax.lax.while_loop(apart, halve, (below, end, jnp.ones_like(below)))[1], top)
