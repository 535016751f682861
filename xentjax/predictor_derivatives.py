"""Derivatives of a regression's cross-entropy by way of its predictors.

A point's term depends on the coefficients through its few predictors η alone, and on the constants c. Its derivatives
in (η, c) are cheap, whatever the number of coefficients; and since η is linear in the coefficients, the Hessian in
them is the sum of Zᵀ W Z, a product of matrices for each block of points and pair of predictors.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from xentjax.sources import Empirical

# The rows of a block, their designs and the products with weights should stay in the second-level cache.
BLOCK = 1024


def second_order_by_predictors(
    constrain: Callable[[Any], Any], source: Empirical, free: dict[str, Array], model: Any
) -> tuple[Array, Array, Array]:
    """Value, gradient [m] and Hessian [m, m] of a regression's cross-entropy in the coordinates `free`."""
    names = [name for name in model.predictors if any(key.startswith(f"{name}.") for key in free)]
    groups = [{key: u for key, u in free.items() if key.startswith(f"{name}.")} for name in names]
    constants = {key: u for key, u in free.items() if not any(key in group for group in groups)}
    order = np.argsort(np.concatenate([_places(free, group) for group in [*groups, constants]]))

    def derivatives(points: Any, weights: Array) -> tuple[Array, Array, Array]:
        *terms, designs = jax.vmap(lambda x: _of_point(constrain, free, names, groups, constants, x))(points)
        # a point of weight 0 is removed, even where the model excludes it
        value, slope, bend = (_weighted(leaf, weights) for leaf in terms)
        ends = np.cumsum([0, *(design.shape[1] for design in designs)])
        parts = [slice(a, b) for a, b in zip(ends, [*ends[1:], None], strict=True)]
        designs = [*designs, None]
        gradient = [_through(design, slope[:, part]) for design, part in zip(designs, parts, strict=True)]
        rows = [
            jnp.concatenate([_between(a, bend[:, i, j], b) for b, j in zip(designs, parts, strict=True)], 1)
            for a, i in zip(designs, parts, strict=True)
        ]
        return jnp.sum(value), jnp.concatenate(gradient), jnp.concatenate(rows)

    value, gradient, hessian = source.reduce(derivatives, BLOCK)
    total = source.total.astype(value.dtype)
    return value / total, gradient[order] / total, hessian[order][:, order] / total


def _places(free: dict[str, Array], part: dict[str, Array]) -> np.ndarray:
    """Where the numbers of a part are among those of `free`, as `ravel_pytree` orders both."""
    sizes = {key: int(np.prod(jnp.shape(free[key]))) for key in sorted(free)}
    ends = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
    return np.concatenate([np.arange(ends[key], ends[key] + sizes[key]) for key in sorted(part)] or [np.arange(0)])


def _of_point(constrain: Callable, free: dict, names: list, groups: list, constants: dict, x: Any) -> tuple:
    """−log q at a point, its gradient and Hessian in (η, c), and the designs [r, k] that lead to each η [r]."""
    of_constants, unravel_constants = ravel_pytree(constants)
    shapes = jax.eval_shape(lambda: constrain(free).predictions(x[0]))
    designs, etas = [], []
    for name, group in zip(names, groups, strict=True):
        vector, unravel = ravel_pytree(group)

        def eta(vector: Array, name: str = name, unravel: Callable = unravel) -> tuple[Array, Array]:
            found = jnp.ravel(constrain(free | unravel(vector)).predictors[name](x[0]))
            return found, found

        design, found = jax.jacrev(eta, has_aux=True)(vector)
        designs.append(design)
        etas.append(found)
    held = {name: predictor(x[0]) for name, predictor in constrain(free).predictors.items() if name not in names}

    def term(values: Array) -> Array:
        *parts, own = jnp.split(values, np.cumsum([e.shape[0] for e in etas])) if etas else (values,)
        given = {name: part.reshape(shapes[name].shape) for name, part in zip(names, parts, strict=True)}
        found = -constrain(free | unravel_constants(own)).log_prob_given(held | given, x)
        if found.ndim:
            raise ValueError(
                f"fit: found a log-density of shape {found.shape} for one pair (x, y), but a scalar is needed; give "
                "one response for each observation: y.ravel() for a family of numbers, a label for a Categorical."
            )
        return found

    def value_and_slope(values: Array) -> tuple[Array, tuple[Array, Array]]:
        value, slope = jax.value_and_grad(term)(values)
        return slope, (value, slope)

    values = jnp.concatenate([*etas, of_constants]) if constants else jnp.concatenate(etas)
    bend, (value, slope) = jax.jacfwd(value_and_slope, has_aux=True)(values)
    return value, slope, bend, designs


def _weighted(leaf: Array, weights: Array) -> Array:
    weights = weights.reshape((-1,) + (1,) * (leaf.ndim - 1))
    return jnp.where(weights == 0, 0.0, weights.astype(leaf.dtype) * leaf)


def _through(design: Array | None, slope: Array) -> Array:
    """Σ Zᵀ slope over the points of a block; constants have no design."""
    return jnp.sum(slope, 0) if design is None else jnp.einsum("brk,br->k", design, slope)


def _between(a: Array | None, bend: Array, b: Array | None) -> Array:
    """Σ Aᵀ bend B over the points of a block."""
    if a is None:
        return jnp.sum(bend, 0) if b is None else jnp.einsum("brs,bsl->rl", bend, b)
    if b is None:
        return jnp.einsum("brk,brs->ks", a, bend)
    if a.shape[1] == b.shape[1] == 1:  # one product of matrices
        return (a[:, 0] * bend[:, 0]).T @ b[:, 0]
    return jnp.einsum("brk,brs,bsl->kl", a, bend, b)
