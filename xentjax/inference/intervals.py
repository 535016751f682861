"""Intervals for parameters and for functions of the model, from the covariance of the estimates."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.inference.covariance import Covariance, covariance_or_observed
from xentjax.inference.natural_scale import moved, scale_and_core, spread_of
from xentjax.inference.observations import compiled, coordinates
from xentjax.parameters import named_leaves, replace_leaves
from xentjax.records import record
from xentjax.supports import LOG_RATIO, REAL, SIMPLEX


@record
class Estimate:
    """A function of the model at the estimate, and how well it is known.

    Attributes:
      value: fn(model).
      standard_error: in the shape of the value, by the delta method.
      low, high: the ends of the interval value ± z · standard_error.
    """

    value: Any
    standard_error: Any
    low: Any
    high: Any


def wald_interval(fit: Any, covariance: Covariance | None = None, level: float = 0.95) -> tuple[Any, Any]:
    """The interval u ± z · se(u) of each parameter, u its unconstrained coordinate, carried back to its scale.

    It covers the truth with probability `level` in large samples. An interval on the unconstrained coordinate stays
    inside the support, and its ends do not depend on whether a rate or a scale is asked for. Where a parameter is a
    vector whose numbers move together (logits, an ordered vector, a covariance matrix), no number has a coordinate of
    its own: there it is value ± z · standard error, which may reach outside the support; of probabilities with the sum
    1 it is that of the logit of each, mapped back.

    Args:
      fit: a fit to data.
      covariance: of this fit; None is the observed one.
      level: the probability, between 0 and 1.

    Returns:
      (low, high), both in the shape of the model; at held parameters both are the value, and NaN at those that single
      observations gave (`Fit.ends`), of which the curvature says nothing.

    Raises:
      TypeError, ValueError: a covariance of something else, a level that is no probability, a batch of fits.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Exponential, jnp.array([1.0, 2.0, 3.0, 2.0]))
    >>> xj.inference.wald_interval(fit)  # 0.5 exp(∓1.96 / √4)
    (Exponential(rate=0.187...), Exponential(rate=1.33...))

    See also: `delta`, for functions of the model; R's `confint.default`, on the natural scale; statsmodels'
    `conf_int`.

    Reference: Cox & Hinkley (1974), Theoretical Statistics, chapter 9.
    """
    covariance = covariance_or_observed("wald_interval", fit, covariance)
    return _wald_interval(covariance, probability("wald_interval", level))


def delta(fn: Callable[[Any], Any], fit: Any, covariance: Covariance | None = None, level: float = 0.95) -> Estimate:
    """fn(model) with the standard error √(∇fn V ∇fnᵀ): the first-order delta method.

    V is the covariance in the unconstrained coordinates and ∇fn the derivative along them.

    Args:
      fn: a function of the model that returns a number or a pytree of arrays: a quantile, an entropy. Define it once:
        a new lambda per call compiles anew.
      fit: a fit to data.
      covariance: of this fit; None is the observed one.
      level: the probability that the interval covers the truth in large samples.

    Returns:
      An `Estimate`, whose fields have the structure of fn(model). The interval is symmetric: for a positive quantity
      give its logarithm and map the ends back. The error is NaN where fn depends on what single observations gave
      (`Fit.ends`), as the end of a support.

    Raises:
      TypeError, ValueError: fn is no function; otherwise as for `wald_interval`.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Exponential, jnp.array([1.0, 2.0, 3.0, 2.0]))
    >>> mean = xj.inference.delta(lambda q: q.mean, fit)
    >>> mean.value.item(), mean.standard_error.item()  # 1 / rate, and that over √n
    (2.0, 1.0)

    See also: R's `msm::deltamethod` and `car::deltaMethod`, which take formulas.

    Reference: Oehlert (1992), A note on the delta method, The American Statistician 46.
    """
    check_function("delta", fn)
    covariance = covariance_or_observed("delta", fit, covariance)
    return _delta(fn, covariance, probability("delta", level))


def probability(caller: str, level: Any) -> Any:
    """The level of an interval; outside jit, an error where it is no probability."""
    if not isinstance(level, jax.core.Tracer) and not 0 < level < 1:
        raise ValueError(
            f"{caller}: found level={level}, but a probability between 0 and 1 is needed; for 95 percent write 0.95."
        )
    return level


def check_function(caller: str, fn: Any) -> None:
    """An error for what cannot be called with a model."""
    if not callable(fn) or hasattr(fn, "log_prob"):
        raise TypeError(
            f"{caller}: found a {type(fn).__name__} in place of the function, but a function of the model is needed; "
            "write for example lambda q: q.quantile(0.99)."
        )


def with_slopes(fn: Callable[[Any], Any], covariance: Covariance) -> tuple[Any, Any]:
    """fn(model) and its derivatives [..., m] along the unconstrained coordinates; traceable."""
    point, build = coordinates(covariance.model, covariance.fixed)

    def values(point: Array) -> tuple[Any, Any]:
        value = jax.tree.map(as_float, fn(build(point)))
        return value, value

    slopes, value = jax.jacfwd(values, has_aux=True)(point)
    return value, slopes


def moves_with_ends(fn: Callable[[Any], Any], covariance: Covariance) -> Any:
    """Whether each number of fn(model) depends on what single observations gave, in its shape; traceable."""
    leaves = named_leaves(covariance.model)

    def of_ends(ends: dict[str, Array]) -> Any:
        model = replace_leaves(covariance.model, [ends.get(leaf.name, leaf.value) for leaf in leaves])
        return jax.tree.map(as_float, fn(model))

    slopes = jax.jacfwd(of_ends)({leaf.name: leaf.value for leaf in leaves if leaf.name in covariance.ends})
    value = jax.eval_shape(of_ends, {})

    def any_of(value: Any, slopes: dict[str, Array]) -> Array:
        axes = [(slope != 0).reshape(*value.shape, -1).any(-1) for slope in slopes.values()]
        return functools.reduce(jnp.logical_or, axes, jnp.zeros(value.shape, bool))

    return jax.tree.map(any_of, value, slopes)


def _half_width(level: Any, dtype: Any) -> Array:
    # from the small tail, which keeps its digits at levels close to 1
    return -jax.scipy.special.ndtri((1 - jnp.asarray(level, dtype)) / 2)


@compiled(0)
def _delta(fn: Callable, covariance: Covariance, level: Any) -> Estimate:
    value, slopes = with_slopes(fn, covariance)
    scale, core = scale_and_core(covariance.matrix)
    z = _half_width(level, core.dtype)
    errors = jax.tree.map(lambda slope: spread_of(slope, scale, core), slopes)
    if covariance.ends:
        unknown = moves_with_ends(fn, covariance)
        errors = jax.tree.map(lambda error, lost: select(lost, jnp.nan, error), errors, unknown)
    low = jax.tree.map(lambda v, e: v - z * e, value, errors)
    high = jax.tree.map(lambda v, e: v + z * e, value, errors)
    return Estimate(value, errors, low, high)


@compiled()
def _wald_interval(covariance: Covariance, level: Any) -> tuple[Any, Any]:
    model, fixed = covariance.model, covariance.fixed
    point, build = coordinates(model, fixed)
    z = _half_width(level, covariance.matrix.dtype)
    reach = z * scale_and_core(covariance.matrix)[0]
    errors = named_leaves(covariance.standard_errors())
    leaves = named_leaves(model)

    def end(sign: int) -> Any:
        ends = named_leaves(build(point + sign * reach))
        values = []
        for leaf, error, own in zip(leaves, errors, ends, strict=True):
            # vectors, and numbers that are their own coordinate
            symmetric = (leaf.support.ndim > 0 or leaf.support in (REAL, LOG_RATIO)) and moved(leaf, fixed)
            if leaf.support is SIMPLEX and moved(leaf, fixed):
                values.append(_moved_by_logit(leaf.value, sign * z * error.value))
            elif symmetric or leaf.name in covariance.ends:
                values.append(leaf.value + sign * z * error.value)
            else:
                values.append(own.value)
        return replace_leaves(model, values)

    return end(-1), end(1)


def _moved_by_logit(p: Array, distance: Array) -> Array:
    """Probabilities after a move of their logits that is this distance to first order; 0 and 1 stay."""
    slope = p * (1 - p)
    inside = slope > 0
    logit = jax.scipy.special.logit(select(inside, p, 0.5))
    return select(inside, jax.scipy.special.expit(logit + distance / select(inside, slope, 1.0)), p)
