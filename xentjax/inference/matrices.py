"""The two matrices of a fit, per observation and in its unconstrained coordinates: A, the Hessian of the cross-entropy,
observed or expected, and B, the mean outer product of the scores. Traceable, in units that float32 can hold."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from xentjax.certificates import second_order
from xentjax.inference.observations import compiled, coordinates
from xentjax.objectives import cross_entropy_objective
from xentjax.parameters import unconstrain
from xentjax.sources import Empirical


def point_scores(model: Any, fixed: tuple[str, ...], data: Any) -> Array:
    """The gradient [n, m] of log q at each point, in the unconstrained coordinates; traceable."""
    point, build = coordinates(model, fixed)
    return jax.vmap(lambda x: jax.grad(lambda u: build(u).log_prob(x))(point))(data)


def outer_products(scores: Array, source: Empirical, clusters: Array | None = None) -> Array:
    """B [m, m]: the mean outer product of scores [n, m], or of their sums over clusters."""
    total = source.total.astype(scores.dtype)
    weights = jnp.ones(scores.shape[0], scores.dtype) if source.weights is None else source.weights
    weighted = weights.astype(scores.dtype)[:, None] * scores
    if clusters is None:
        return weighted.T @ scores / total
    size = scores.shape[0]
    order = jnp.unique(clusters, return_inverse=True, size=size)[1].reshape(-1)
    sums = jax.ops.segment_sum(weighted, order, num_segments=size)
    return sums.T @ sums / total


def units(matrix: Array) -> Array:
    """A scale [m] for each coordinate, in which a matrix of second derivatives has the diagonal 1."""
    return jnp.sqrt(jnp.abs(jnp.diagonal(matrix)))


def inverse_core(curvature: Array) -> tuple[Array, Array]:
    """(unit, core) with curvature⁻¹ = core / unit unitᵀ: the inverse is taken of a matrix without units."""
    unit = units(curvature)
    return unit, jnp.linalg.inv(curvature / jnp.outer(unit, unit))


def with_units(core: Array, unit: Array) -> Array:
    """core / unit unitᵀ, where the product of two units may be outside the range of float32."""
    return core / unit[:, None] / unit[None, :]


def bread_and_meat(fit: Any, source: Empirical, clusters: Array | None = None) -> tuple[Array, Array, Array]:
    """(unit, A⁻¹, B), the matrices in the units [m] in which A has the diagonal 1."""
    source = source.counted()
    unit, core = inverse_core(fit.curvature)
    gradients = point_scores(fit.model, fit.fixed, source.data) / unit[None, :]
    return unit, core, outer_products(gradients, source, clusters)


def fisher_information(caller: str, model: Any, fixed: tuple[str, ...], source: Any = None) -> Array:
    """E_q[score scoreᵀ] [m, m] of a model q: the Hessian of H(q, q_θ) at θ = q."""
    if source is None and not hasattr(model, "expect"):
        raise TypeError(
            f"{caller}: found a {type(model).__name__}, which is no source of its own points, but a family is needed; "
            "use sandwich_covariance(fit, data), observed_covariance(fit), or for a test opg_score_test."
        )
    try:
        return _fisher_information(fixed, model, model if source is None else source)
    except TypeError as error:
        if "found no closed form" not in str(error):
            raise
        raise TypeError(
            f"{caller}: found no closed form for the Fisher information of {type(model).__name__}, but one is needed "
            "without source=; give source=quadrature(fit.model), or use sandwich_covariance(fit, data) or "
            "opg_covariance(fit, data)."
        ) from error


@compiled(0)
def _fisher_information(fixed: tuple[str, ...], model: Any, source: Any) -> Array:
    free, constrain = unconstrain(model, fixed)
    point, unravel = ravel_pytree(free)
    return second_order(cross_entropy_objective(constrain, model, source), point, unravel)[2]
