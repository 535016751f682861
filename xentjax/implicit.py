"""The derivative of a minimum in what its objective depends on: the implicit-function rule.

A minimum û(a) of f(u, a) has a gradient of 0 whatever a is, so that dû = −(∂²f/∂u²)⁻¹ (∂²f/∂u∂a) da. The loop that
found it is not differentiated.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax.certificates import second_order


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def minimum_of(
    objective: Callable[[Any], Callable], unravel: Callable, point: Array, value: Array, hessian: Any, arguments: Any
) -> tuple[Array, Array, Any]:
    """(point, value, hessian) as they are found, with their derivatives in the arguments.

    Args:
      objective: arguments → the function that is minimised.
      unravel: from a point [m] to what that function takes.
      point, value, hessian: the minimum [m], the value and the Hessian [m, m] there; None past 64 coordinates.
      arguments: what the objective depends on.
    """
    return point, value, hessian


@minimum_of.defjvp
def _(objective: Callable, unravel: Callable, primals: tuple, tangents: tuple) -> tuple:
    arguments, moved = primals[-1], tangents[-1]
    # again through the rule, so that derivatives of any order see the minimum move
    found = minimum_of(objective, unravel, *primals)
    point, _, hessian = found

    def gradient(point: Array, arguments: Any) -> Array:
        f = objective(arguments)
        return jax.grad(lambda u: f(unravel(u)))(point)

    def value_and_hessian(point: Array, arguments: Any) -> tuple[Array, Array]:
        value, _, hessian = second_order(objective(arguments), point, unravel)
        return value, hessian

    _, slopes = jax.jvp(functools.partial(gradient, point), (arguments,), (moved,))
    # past 64 coordinates the matrix is formed here alone
    matrix = value_and_hessian(point, arguments)[1] if hessian is None else hessian
    # unit diagonal first, for parameters of any units
    unit = jnp.sqrt(jnp.abs(jnp.diagonal(matrix)))
    step = -jnp.linalg.solve(matrix / jnp.outer(unit, unit), slopes / unit) / unit
    _, (rate, bend) = jax.jvp(value_and_hessian, (point, arguments), (step, moved))
    return found, (step, rate, None if hessian is None else bend)
