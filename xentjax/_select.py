"""Choice between two values, inlined where it is used."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array


@functools.partial(jax.jit, inline=True)
def select(condition: Any, x: Any, y: Any) -> Array:
    """x where the condition holds and y elsewhere, for shapes that broadcast and types that promote.

    `jnp.where` makes a function of each use inside a program. A fit has thirty to sixty of them, and without them takes
    a fifth less to lower.
    """
    condition, x, y = jnp.asarray(condition), jnp.asarray(x), jnp.asarray(y)
    shape, dtype = jnp.broadcast_shapes(condition.shape, x.shape, y.shape), jnp.result_type(x, y)
    # a number of Python's stays one that gives way to any type: `astype` alone would give it a type of its own
    x, y = (jnp.broadcast_to(a if a.dtype == dtype else a.astype(dtype), shape) for a in (x, y))
    # one condition for all is no array of conditions
    return jax.lax.select(jnp.broadcast_to(condition, shape) if condition.ndim else condition, x, y)
