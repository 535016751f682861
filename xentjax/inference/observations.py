"""What inference takes: one fit, and the data that it was made to, as arrays."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from xentjax._numerics import as_float
from xentjax.admission import as_array
from xentjax.parameters import unconstrain
from xentjax.sources import Empirical, check_points, check_weights, num_points


def compiled(*static: int) -> Callable[[Callable], Any]:
    """`jax.jit` with these arguments static, and products at full precision, which accelerators would round."""

    def wrap(function: Callable) -> Any:
        @functools.wraps(function)
        def precise(*args: Any) -> Any:
            with jax.default_matmul_precision("highest"):
                return function(*args)

        return jax.jit(precise, static_argnums=static)

    return wrap


def coordinates(model: Any, fixed: tuple[str, ...]) -> tuple[Array, Callable[[Array], Any]]:
    """The unconstrained coordinates [m] of a model, in the order of `ravel_pytree`, and the way back."""
    free, constrain = unconstrain(model, fixed)
    point, unravel = ravel_pytree(free)
    if not free:  # nothing has the default type, and not that of the model
        point = point.astype(jnp.result_type(float, *jax.tree.leaves(model)))
    return point, lambda point: constrain(unravel(point))


def num_coordinates(model: Any, fixed: tuple[str, ...]) -> int:
    """m: how many numbers a fit of this model may move."""
    free = jax.eval_shape(lambda model: unconstrain(model, fixed)[0], model)
    return sum(leaf.size for leaf in jax.tree.leaves(free))


def known(*values: Any) -> bool:
    """Whether these are numbers and not symbols of a function that is being traced."""
    return not any(isinstance(value, jax.core.Tracer) for value in values)


def check_single(caller: str, fit: Any) -> None:
    """An error for what is no fit, and for several fits in one."""
    if not hasattr(fit, "curvature") or not hasattr(fit, "cross_entropy"):
        raise TypeError(
            f"{caller}: found a {type(fit).__name__}, but a fit is needed; make one with fit_mle(model, data)."
        )
    if jnp.ndim(fit.status):
        raise ValueError(
            f"{caller}: found a batch of fits of shape {jnp.shape(fit.status)}, but one fit is needed; take one, "
            "jax.tree.map(lambda leaf: leaf[0], fits), or map over them, and over the data where they are needed: "
            f"jax.vmap(lambda fit: {caller}(fit, ...))(fits)."
        )


def check_likelihood(caller: str, fit: Any) -> None:
    """An error for a fit that maximises something else."""
    if getattr(fit, "log_prior", None) is not None:
        raise TypeError(
            f"{caller}: found a fit with a prior, but one that maximises the likelihood alone is needed; use fit_mle, "
            "or fit.standard_errors() and delta, which describe the posterior."
        )


def curvature_of(caller: str, fit: Any) -> Array:
    """The curvature [m, m] of one fit."""
    check_single(caller, fit)
    if fit.curvature is None:
        raise ValueError(
            f"{caller}: found more than 64 free parameters, for which no curvature matrix is kept; hold some of them "
            "with fixed=."
        )
    return fit.curvature


def arrays(caller: str, data: Any, weights: Any) -> Empirical:
    """Data and weights, checked, as arrays.

    Raises:
      TypeError: a source, a distribution or anything but numbers in place of the data.
      ValueError: shapes that do not fit together; outside jit, weights that are none.
    """
    if isinstance(data, Empirical) or hasattr(data, "log_prob"):
        raise TypeError(
            f"{caller}: found the source {type(data).__name__} as the data, but arrays of observations are needed; "
            "give the data and weights= of the fit."
        )
    source = jax.tree.map(functools.partial(as_array, caller), Empirical(data, weights))
    check_points(caller, source.data, source.weights)
    check_weights(caller, source.weights)
    return Empirical(source.data, None if source.weights is None else as_float(source.weights))


def observed(caller: str, fit: Any, data: Any, weights: Any) -> Empirical:
    """The data of a fit: as `arrays`, and outside jit an error for another number of observations than the fit had."""
    check_single(caller, fit)
    check_likelihood(caller, fit)
    total = fit._observations(caller)
    source = arrays(caller, data, weights)
    # float32 sums of many weights differ in the last digits
    if known(total, source.total) and abs(float(source.total) - float(total)) > 1e-4 * float(total):
        raise ValueError(
            f"{caller}: found data that count {float(source.total):g} for a fit to {float(total):g} observations, but "
            "the same are needed; give the data and weights= of the fit."
        )
    return source


def observed_several(caller: str, fit: Any, data: Any, weights: Any) -> Empirical:
    """As `observed`, for what varies between observations, which are independent: an error for a single one.

    At a maximum its score is 0, so that it would seem to leave no doubt.
    """
    source = observed(caller, fit, data, weights)
    weights = source.weights
    known = weights is not None and not isinstance(weights, jax.core.Tracer)
    if (np.count_nonzero(np.asarray(weights) > 0) if known else num_points(source.data)) == 1:
        raise ValueError(
            f"{caller}: found a single observation, such as a whole sequence, but several independent ones are needed; "
            "observed_covariance and profile_interval go by the curvature of its likelihood."
        )
    return source
