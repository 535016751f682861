"""Samples by rejection."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array


def accepted(propose: Callable[[Array], tuple[Array, Array]], key: Array, shape: tuple[int, ...]) -> Array:
    """Draws [*shape, ...] by repeating `propose(key)`, a value and whether it is accepted, until it is.

    A value that is NaN, as of parameters that have no meaning, ends it: it would be repeated for ever.
    """

    def draw(key: Array) -> Array:
        def again(state: tuple) -> tuple:
            key, own = jax.random.split(state[0])
            return key, *propose(own)

        def refused(state: tuple) -> Array:
            return ~state[2] & ~jnp.any(jnp.isnan(state[1]))

        return jax.lax.while_loop(refused, again, again((key,)))[1]

    flat = jax.vmap(draw)(jax.random.split(key, shape).reshape(-1))
    return jnp.reshape(flat, shape + flat.shape[1:])
