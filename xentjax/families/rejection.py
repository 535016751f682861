"""Samples by rejection."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array


def accepted(propose: Callable[[Array], tuple[Array, Array]], key: Array, shape: tuple[int, ...]) -> Array:
    """Draws [*shape, ...] by repeating `propose(key)`, a value and whether it is accepted, until it is."""

    def draw(key: Array) -> Array:
        def again(state: tuple) -> tuple:
            key, own = jax.random.split(state[0])
            return key, *propose(own)

        return jax.lax.while_loop(lambda state: ~state[2], again, again((key,)))[1]

    flat = jax.vmap(draw)(jax.random.split(key, shape).reshape(-1))
    return jnp.reshape(flat, shape + flat.shape[1:])
