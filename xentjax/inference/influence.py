"""Influence: what each observation does to a fit, and what the fit would be without it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._select import select
from xentjax.estimation import fit_mle
from xentjax.inference.matrices import inverse_core, point_scores, units
from xentjax.inference.observations import (
    arrays,
    check_likelihood,
    compiled,
    coordinates,
    curvature_of,
    observed_several,
)
from xentjax.parameters import named_leaves, replace_leaves
from xentjax.sources import Empirical, num_points

# points whose Hessians are held at once
BLOCK = 1024

# By how much, in nats of the total log-likelihood, one Newton step may improve the fit to the other points: from a
# larger one nothing is known about where their maximum is.
SMALL = 0.1


def influence(fit: Any, data: Any) -> Any:
    """The influence function of the estimates at each point: A⁻¹ ∂ log q(xᵢ), carried to the natural parameters.

    It is n ∂θ̂/∂wᵢ: how fast the estimates move as the weight of xᵢ grows, in units of one observation in n. Its mean
    over the data is 0, and its covariance divided by n is the sandwich. It need not be a point of the data: at any
    other it says what one such observation more would do; NaN where the model excludes it.

    Args:
      fit: a fit to data.
      data: points [n, ...], as for the fit.

    Returns:
      The shape of the model, each parameter with an axis [n] in front; 0 for held parameters.

    Raises:
      TypeError, ValueError: data that are no arrays of numbers; more than 64 free parameters; a batch of fits.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0, 10.0])
    >>> xj.inference.influence(xj.fit_mle(xj.Normal, x), x).loc  # x − mean
    Array([-3., -2., -1.,  6.], dtype=float...)

    See also: `jax.grad` of a fit in its weights, the same for all orders; R's `sandwich::estfun`, before A⁻¹.

    Reference: Hampel (1974), JASA 69.
    """
    curvature_of("influence", fit)
    check_likelihood("influence", fit)
    return _influence(fit, arrays("influence", data, None).data)


def influence_at(fit: Any, data: Any) -> dict[int, Array]:
    """The influence functions [n, ...] of the parameters, by their place among the leaves of the model; traceable."""
    point, build = coordinates(fit.model, fit.fixed)
    unit, core = inverse_core(fit.curvature)
    steps = (point_scores(fit.model, fit.fixed, data) / unit[None, :]) @ core / unit[None, :]

    def parameters(point: Array) -> dict[int, Array]:
        return {i: leaf.value for i, leaf in enumerate(named_leaves(build(point))) if leaf.is_parameter}

    return jax.vmap(lambda step: jax.jvp(parameters, (point,), (step,))[1])(steps)


@compiled()
def _influence(fit: Any, data: Any) -> Any:
    met = jnp.isfinite(jax.vmap(fit.model.log_prob)(data))  # no model has met what it excludes

    def of_met(values: Array) -> Array:
        return select(met.reshape((-1,) + (1,) * (values.ndim - 1)), values, jnp.nan)

    found = {i: of_met(values) for i, values in influence_at(fit, data).items()}
    return replace_leaves(fit.model, [found.get(i, leaf.value) for i, leaf in enumerate(named_leaves(fit.model))])


def case_deletion(fit: Any, data: Any, weights: Any = None) -> Any:
    """The estimates without each observation: one Newton step from θ̂, θ₍₋ᵢ₎ = θ̂ − (nA − Hᵢ)⁻¹ sᵢ, if that is short.

    It differs from n refits by O(1/n²); the difference to θ̂ shows which observations carry a fit. The step of such an
    observation can lead far off: where nA − Hᵢ is not positive definite, or the step promises the others more than 0.1
    nats in all, ½ sᵢᵀ (nA − Hᵢ)⁻¹ sᵢ, the estimate is that of a refit instead.

    Args:
      fit: a fit to data.
      data, weights: those of the fit; weights are frequencies, of which one is left out (or all of one below 1).

    Returns:
      The shape of the model, each parameter with an axis [n] in front. Where the others have no maximum inside, the
      last point of the refit; NaN in place of refits where the fit itself did not converge. Cost: one Hessian for each
      point, and the refits one after the other, which are few unless n is small; no reverse derivatives.

    Raises:
      TypeError, ValueError: data that are not those of the fit; more than 64 free parameters; a batch of fits.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([1.0, 2.0, 3.0, 4.0])
    >>> rates = xj.inference.case_deletion(xj.fit_mle(xj.Exponential, x), x).rate
    >>> round(rates[3].item(), 2)  # a refit without the 4 gives 0.5
    0.51

    See also: `leave_one_out`, the loss of each under the fit without it; R's `dfbeta`, for regressions.

    Reference: Cook & Weisberg (1982), Residuals and Influence in Regression.
    """
    check_cases("case_deletion", fit)
    return _case_deletion(fit, observed_several("case_deletion", fit, data, weights))


@compiled()
def _case_deletion(fit: Any, source: Empirical) -> Any:
    return by_case(fit, source, lambda model, _: model)


def check_cases(caller: str, fit: Any) -> None:
    """An error for a fit without a curvature matrix, or with ends that would jump if one observation were left out."""
    curvature_of(caller, fit)
    if fit.ends:
        raise ValueError(
            f"{caller}: found a {type(fit.model).__name__} with {' and '.join(fit.ends)} from single observations, "
            "which jump where these are left out, but a fit that moves smoothly is needed; use cross_validation, "
            "which refits."
        )


def by_case(fit: Any, source: Empirical, function: Callable[[Any, Any], Any]) -> Any:
    """function(model, x) of each observation x and the model without it: see `case_deletion`; traceable."""
    point, build = coordinates(fit.model, fit.fixed)
    dtype = fit.cross_entropy.dtype
    weights = (jnp.ones(num_points(source.data)) if source.weights is None else source.weights).astype(dtype)
    unit = units(fit.curvature)
    whole = source.total.astype(dtype) * fit.curvature / jnp.outer(unit, unit)

    def without(pair: tuple) -> tuple[Any, Array]:
        x, weight = pair

        def loss(move: Array) -> Array:
            return -build(point + move / unit).log_prob(x)

        origin, out = jnp.zeros_like(point), jnp.minimum(weight, 1.0)
        slope, hessian = out * jax.grad(loss)(origin), out * jax.hessian(loss)(origin)
        # NaN where the matrix is not positive definite
        move = jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(whole - hessian), True), slope)
        near = 0.5 * slope @ move <= SMALL
        return function(build(point + select(near | fit.converged, move, jnp.nan) / unit), x), near

    counted = source.counted().data
    found, near = jax.lax.map(without, (counted, weights), batch_size=BLOCK)
    near = near | (weights == 0)

    def refit(state: tuple) -> tuple[Any, Array]:
        found, near = state
        i = jnp.argmin(near)
        fewer = weights.at[i].add(-jnp.minimum(weights[i], 1.0))
        model = fit_mle(fit.model, source.data, weights=fewer, fixed=fit.fixed).model
        mended = function(model, jax.tree.map(lambda column: column[i], source.data))
        return jax.tree.map(lambda of_all, of_one: of_all.at[i].set(of_one), found, mended), near.at[i].set(True)

    # of a fit that is no minimum most points would be refitted, to no purpose
    found, _ = jax.lax.while_loop(lambda state: ~jnp.all(state[1]), refit, (found, near | ~fit.converged))
    return found
