"""Several starts: one vmapped run from points around the first, of which the lowest minimum is kept."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from xentjax._select import select
from xentjax.certificates import DENSE_LIMIT, Certificate, gap_tolerance, second_order
from xentjax.minimization import run
from xentjax.sources import check_count, check_key
from xentjax.statuses import Status


def run_from_several(
    objective: Callable[[Any], Array],
    free: dict[str, Array],
    key: Array,
    num_starts: int,
    optimizer: Any,
    tol: Any,
    max_steps: Any,
) -> tuple[Certificate, Array, Array, Array, Array]:
    """As `run`, and how many of the starts ended as low as the lowest, to the tolerance.

    A run whose gap closed goes before whatever is lower: where a likelihood is unbounded, as that of a mixture whose
    component collapses on a point, the best of its interior maxima is what is asked for.
    """
    point, unravel = ravel_pytree(free)
    spread = _spread(objective, point, unravel)
    moves = spread * jax.random.normal(key, (num_starts - 1, point.shape[0]), point.dtype)
    points = jnp.concatenate([point[None, :], point[None, :] + moves])

    best, status, steps, settled = jax.vmap(lambda p: run(objective, unravel(p), optimizer, tol, max_steps))(points)
    finite, converged = jnp.isfinite(best.value), status == Status.CONVERGED
    eligible = select(jnp.any(converged), converged, finite)
    lowest = jnp.argmin(select(eligible, best.value, jnp.inf))
    value = best.value[lowest]
    noise = 64 * jnp.finfo(value.dtype).eps * (1 + jnp.abs(value))
    reach = value + jnp.maximum(2 * gap_tolerance(tol, value.dtype), noise)
    agreed = jnp.sum(eligible & (best.value <= reach))
    kept = jax.tree.map(lambda a: a[lowest], (best, status, steps, settled))
    return (*kept, agreed)


def _spread(objective: Callable, point: Array, unravel: Callable) -> Array:
    """How far apart to start in each coordinate [m]: one standard deviation of what one observation says of it."""
    if point.shape[0] > DENSE_LIMIT:
        return jnp.ones_like(point)[None, :]
    curvature = jnp.abs(jnp.diagonal(second_order(objective, point, unravel)[2]))
    # a coordinate without curvature is moved by an e-fold, and none further than a step of the solver reaches
    deviation = 1 / jnp.sqrt(select(curvature > 0, curvature, 1.0))
    return jnp.minimum(deviation, 10 + 10 * jnp.abs(point))[None, :]


def check_starts(caller: str, num_starts: Any, key: Any) -> None:
    """An error for a number of starts that is none, and for several without a key."""
    check_count(caller, "num_starts", num_starts)
    if num_starts > 1 and key is None:
        raise ValueError(
            f"{caller}: found num_starts={num_starts} without a key, but the other starts are drawn; "
            "give key=jax.random.key(0)."
        )
    if num_starts > 1:
        check_key(caller, key)
