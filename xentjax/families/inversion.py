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

    Newton's method on the logarithm of the smaller tail, inside a bracket, in the coordinate of `p.constrain`. The
    derivative follows from F(x(θ); θ) = probability, and so do all higher ones.
    """
    value_and_slope = jax.value_and_grad(lambda u: _excess(p, p.constrain(u), probability))
    loc, scale = p.coordinate()
    low, high = _bracket(lambda u: value_and_slope(u)[0], loc, scale)
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
    return p.constrain(jax.lax.while_loop(unfinished, step, start)[2])


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


def _bracket(excess: Any, loc: Array, scale: Array) -> tuple[Array, Array]:
    """Two points with the root between them, found by steps that double."""

    def reach(sign: int) -> Array:
        def outside(state: tuple) -> Array:
            u, width = state
            return (sign * excess(u) < 0) & (width < 1e30 * scale)

        return jax.lax.while_loop(
            outside, lambda state: (state[0] + sign * state[1], 2 * state[1]), (loc + sign * scale, scale)
        )[0]

    return reach(-1), reach(1)


def invert_counts(p: Any, probability: Array) -> Array:
    """The least whole number x with P(X ≤ x) ≥ probability, by doubling and bisection; its derivatives are 0."""
    p, probability = jax.lax.stop_gradient((p, probability))
    low, top = p.ends()
    # rounding of the tails is not to move a quantile that is met exactly
    slack = 8 * jnp.finfo(probability.dtype).eps

    def short(x: Array) -> Array:
        return p.cdf(x) < probability * (1 - slack)

    below = jnp.asarray(low, probability.dtype) - 1

    def too_narrow(width: Array) -> Array:
        return (below + width < top) & short(below + width)

    width = jax.lax.while_loop(too_narrow, lambda width: 2 * width, jnp.ones_like(below))

    def halve(state: tuple) -> tuple:
        low, high = state
        middle = jnp.floor(0.5 * (low + high))
        short_there = short(middle)
        return jnp.where(short_there, middle, low), jnp.where(short_there, high, middle)

    return jax.lax.while_loop(lambda s: s[1] - s[0] > 1, halve, (below, jnp.minimum(below + width, top)))[1]
