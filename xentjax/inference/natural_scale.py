"""From the unconstrained coordinates to the numbers of a model: the first-order delta method, traceable."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._select import select
from xentjax.inference.observations import coordinates
from xentjax.parameters import NamedLeaf, named_leaves, replace_leaves


def moved(leaf: NamedLeaf, fixed: tuple[str, ...]) -> bool:
    """Whether a leaf of a model is a parameter that was not held."""
    return leaf.is_parameter and leaf.name not in fixed and leaf.support.free is not None


def spread_of(slopes: Array, scale: Array, core: Array) -> Array:
    """√(s C sᵀ) for slopes s [..., m] and C = core · scale scaleᵀ."""
    scaled = slopes * jnp.broadcast_to(scale, slopes.shape)
    # a parameter of 1e-30 has a variance below the range of float32
    size = jnp.max(jnp.abs(scaled), -1, keepdims=True, initial=0.0)
    scaled = scaled / select(size > 0, size, 1.0)
    return size[..., 0] * jnp.sqrt(jnp.sum((scaled @ core) * scaled, -1))


def scale_and_core(matrix: Array) -> tuple[Array, Array]:
    """A covariance as standard deviations [m] and correlations [m, m]; a coordinate that does not vary has 0."""
    root = jnp.sqrt(jnp.diagonal(matrix))
    safe = select(root == 0, 1.0, root)
    return root, matrix / jnp.outer(safe, safe)


def errors_in_shape(model: Any, fixed: tuple[str, ...], ends: tuple[str, ...], scale: Array, core: Array) -> Any:
    """Standard errors in the shape of a model, for the covariance core · scale scaleᵀ of its coordinates.

    NaN for what single observations gave: of an extreme, or a corner of the likelihood, no curvature tells.
    """
    point, build = coordinates(model, fixed)

    def parameters(point: Array) -> dict:
        return {i: leaf.value for i, leaf in enumerate(named_leaves(build(point))) if leaf.is_parameter}

    slopes = jax.jacfwd(parameters)(point)

    def error(i: int, leaf: NamedLeaf) -> Any:
        if leaf.name in ends:
            return jnp.full_like(leaf.value, jnp.nan)
        return spread_of(slopes[i], scale, core) if i in slopes else leaf.value

    return replace_leaves(model, [error(i, leaf) for i, leaf in enumerate(named_leaves(model))])


def natural_slopes(model: Any, fixed: tuple[str, ...]) -> Array:
    """∂ natural / ∂ unconstrained [k, m]."""
    point, build = coordinates(model, fixed)

    def natural(point: Array) -> Array:
        values = [leaf.value.ravel() for leaf in named_leaves(build(point)) if moved(leaf, fixed)]
        return jnp.concatenate(values) if values else point

    return jax.jacfwd(natural)(point)
