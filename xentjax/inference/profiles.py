"""The profile cross-entropy of one parameter, and the interval of the values that it does not rule out."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.certificates import second_order, symmetric_eigen
from xentjax.inference.intervals import probability
from xentjax.inference.matrices import inverse_core, units
from xentjax.inference.observations import compiled, coordinates, curvature_of, known, observed
from xentjax.minimization import run
from xentjax.objectives import PointObjective, cross_entropy_objective
from xentjax.parameters import entry_name, in_own_units, named_leaves, places, replace_leaves, unconstrain
from xentjax.results import Fit
from xentjax.sources import Empirical


def profile_interval(
    fit: Fit, data: Any, name: str, *, weights: Any = None, level: float = 0.95
) -> tuple[Array, Array]:
    """The profile-likelihood interval (low, high) of one parameter ψ of a fit.

        {ψ : 2 n (H(ψ) − H(θ̂)) ≤ χ²₁ quantile of level},   H(ψ) = min over the other parameters of H(p̃, q_θ).

    The values that a likelihood-ratio test does not reject. Unlike θ̂ ± z · (standard error) it does not depend on how
    the parameter is written, and it follows the likelihood where that is skew. An end that is never reached is the end
    of the parameter's support: 0, 1, or ∞.

    Args:
      fit: a fit to data; parameters that it held stay held.
      data, weights: the data of the fit.
      name: the parameter as `fit` prints it, one number: "rate", "components.loc[0]".
      level: the probability with which the interval covers ψ, in large samples from the model.

    Returns:
      Two numbers []. NaN where the fit did not converge, an end was not found, or a better fit was met on the way,
      so that this one is a local minimum: start it elsewhere. Works under `jit` and `vmap`.

    Raises:
      ValueError: a name that is not that of a free parameter of one number, other data, or a level that is none.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([0.8, 1.5, 2.0, 3.1, 0.6])
    >>> low, high = xj.inference.profile_interval(xj.fit_mle(xj.Exponential, x), x, "rate")
    >>> round(low.item(), 4), round(high.item(), 4)
    (0.2241, 1.3433)

    See also: R's `confint` of a `glm` or `mle` object, which interpolates the profile by a spline.

    Reference: Venzon and Moolgavkar (1988), A method for computing profile-likelihood-based confidence intervals.
    """
    source = observed("profile_interval", fit, data, weights)
    entry = _named("profile_interval", fit, name)
    support, fit = entry.support, _in_own_units(fit, entry.leaf)
    asked = fit, source, probability("profile_interval", level), entry.coordinate
    models, distances, found = _stepped(*asked)
    never = np.zeros(2, bool)
    if not known(found) or not np.all(found):  # the search is a program of its own, which most intervals do not need
        models, never = _searched(*asked, distances, found)
    values = next(leaf.value for leaf in named_leaves(models) if leaf.name == entry.leaf)
    low, high = values[:, *entry.place]
    return select(never[0], support.low, low), select(never[1], support.high, high)


def profile(fit: Fit, data: Any, name: str, values: Any, *, weights: Any = None) -> Array:
    """The profile cross-entropy [k] of one parameter at given values [k], for a plot.

        H(ψ) = min over the other parameters of H(p̃, q_θ), in nats per observation.

    Its minimum is `fit.cross_entropy`; 2 n (H(ψ) − H(θ̂)) is the likelihood-ratio statistic of the value ψ. Values are
    visited outwards from the estimate, each minimum starting at its neighbour's; one below `fit.cross_entropy` says
    that the fit is a local minimum only.

    Args:
      fit: a fit to data; parameters that it held stay held.
      data, weights: the data of the fit.
      name: the parameter as `fit` prints it, one number: "rate", "components.loc[0]".
      values: numbers [k] inside its support.

    Raises:
      ValueError: a name that is not that of a free parameter of one number, values outside its support, other data.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([0.8, 1.5, 2.0, 3.1, 0.6])
    >>> fit = xj.fit_mle(xj.Normal, x)
    >>> above = xj.inference.profile(fit, x, "loc", jnp.array([0.6, 1.6, 2.6])) - fit.cross_entropy
    >>> [round(h.item(), 4) for h in above]
    [0.4013, 0.0, 0.4013]

    See also: `profile_interval`, the interval read off it; R's `profile`.
    """
    source = observed("profile", fit, data, weights)
    entry = _named("profile", fit, name)
    fit = _in_own_units(fit, entry.leaf)
    values = as_float(values)
    _check_values(entry.support, values)
    return _profile(fit, source, entry.support.free(values), entry.coordinate)


# a minimum from its neighbour takes a handful
_INNER_STEPS = 200
_OUTER_STEPS = 100
# Newton's method takes four to eight
_NEWTON_STEPS = 12


class _Path(NamedTuple):
    """The minima with one coordinate held, as a function of that coordinate. The functions are traced, not data."""

    center: Array  # the coordinate at the fit
    others: Array  # the other coordinates there [m − 1]
    width: Array  # standard error of the coordinate
    slopes: Array  # how the others follow it [m − 1]
    model: Callable[[Array, Array], Any]  # (coordinate, others) → the model
    minimum: Callable[[Array, Array], tuple[Array, Array]]  # (coordinate, start of the others) → (H, others)
    derivatives: Callable[[Array, Array], tuple]  # (coordinate, others) → H, its gradient and Hessian, coordinate last


def _path(fit: Fit, source: Empirical, index: Array) -> _Path:
    """`index` is that of the coordinate in the order of `ravel_pytree`: one program serves all parameters of a fit."""
    free, constrain = unconstrain(fit.model, fit.fixed)
    point, unravel = ravel_pytree(free)
    objective = cross_entropy_objective(constrain, fit.model, source.counted())
    places = jnp.arange(point.shape[0])
    rest = select(places[:-1] < index, places[:-1], places[1:])
    sources = select(places < index, places, select(places == index, places[-1], places - 1))

    def whole(coordinate: Array, others: Array) -> Any:
        return unravel(jnp.append(others, coordinate)[sources])

    def minimum(coordinate: Array, start: Array) -> tuple[Array, Array]:
        best, *_ = run(_along(objective, lambda others: whole(coordinate, others)), start, None, None, _INNER_STEPS)
        return best.value, best.point

    def derivatives(coordinate: Array, others: Array) -> tuple[Array, Array, Array]:
        along = _along(objective, lambda point: whole(point[-1], point[:-1]))
        return second_order(along, jnp.append(others, coordinate), lambda point: point)

    # the covariance of the coordinate with all, per observation
    unit, core = inverse_core(fit.curvature)
    column = core[index] / unit[index] / unit
    width = jnp.sqrt(column[index] / fit.observations.astype(column.dtype))
    slopes = column[rest] / column[index]
    # where the likelihood is flat or has a kink it tells neither
    width = select(jnp.isfinite(width) & (width > 0), width, 1.0)
    slopes = select(jnp.isfinite(slopes), slopes, 0.0)
    return _Path(point[index], point[rest], width, slopes, lambda *at: constrain(whole(*at)), minimum, derivatives)


def _along(objective: Callable, whole: Callable) -> Callable[[Array], Array]:
    """The objective as a function of what `whole` completes to all coordinates."""
    if isinstance(objective, PointObjective):  # it knows its own derivatives
        return PointObjective(lambda others: objective.constrain(whole(others)), objective.source)
    return lambda others: objective(whole(others))


class _Search(NamedTuple):
    """The state of the search for one end; distances are those of the coordinate from the fit's."""

    at: Array  # the distance to try next
    low: Array  # the largest known to be inside
    high: Array  # the least known to be outside
    last: Array  # the last at which there was a minimum
    excess: Array  # the root of the likelihood ratio there, minus the limit
    others: Array  # the other coordinates there [m]
    dip: Array  # the least at which there was a better fit than the fit
    moved: Array
    steps: Array
    done: Array
    never: Array  # whether the limit is never reached


_SIGNS = np.array([-1.0, 1.0])


@compiled()
def _stepped(fit: Fit, source: Empirical, level: Any, index: Array) -> tuple[Any, Array, Array]:
    """The models at both ends [2] by Newton's steps, their distances from the fit, and whether each was found."""
    path = _path(fit, source, index)
    signs, limit = _SIGNS.astype(path.center.dtype), _limit(level, path)
    distances, found = jax.vmap(lambda sign: _newton(fit, path, sign, limit))(signs)
    return _models(fit, path, path.center + signs * distances), distances, found


@compiled()
def _searched(
    fit: Fit, source: Empirical, level: Any, index: Array, distances: Array, found: Array
) -> tuple[Any, Array]:
    """The models at both ends [2], and whether an end is never reached; one that was `found` is at its distance."""
    path = _path(fit, source, index)
    signs, limit = _SIGNS.astype(path.center.dtype), _limit(level, path)
    coordinates, never = jax.vmap(lambda sign, *at: _end(fit, path, sign, limit, *at))(signs, distances, found)
    sound = fit.converged & ~jnp.any(jnp.isnan(coordinates))
    return _models(fit, path, select(sound, coordinates, jnp.nan)), never & sound


def _limit(level: Any, path: _Path) -> Array:
    """The root of the likelihood ratio at an end."""
    return -jax.scipy.special.ndtri((1 - jnp.asarray(level, path.center.dtype)) / 2)


def _models(fit: Fit, path: _Path, coordinates: Array) -> Any:
    coordinates = select(fit.converged, coordinates, jnp.nan)
    return jax.vmap(lambda coordinate: path.model(coordinate, path.others))(coordinates)


class _Newton(NamedTuple):
    """The state of Newton's method for one end."""

    at: Array  # the distance to try next
    others: Array
    sound: Array  # whether the steps lead to an end
    done: Array
    steps: Array


def _newton(fit: Fit, path: _Path, sign: Array, limit: Array) -> tuple[Array, Array]:
    """The distance of one end, and whether it was found: Newton's steps for the ratio and for the others at once.

    An evaluation a step, where `_end` finds a minimum a step; what it cannot do is left to that.
    """
    first, eps, total = limit * path.width, jnp.finfo(limit.dtype).eps, fit.observations.astype(limit.dtype)
    noise = _noise(fit, limit)

    def body(s: _Newton) -> _Newton:
        value, gradient, hessian = path.derivatives(path.center + sign * s.at, s.others)
        inverse, convex = _inverse(hessian[:-1, :-1])
        follow, step = -inverse @ hessian[:-1, -1], -inverse @ gradient[:-1]
        # the minimum over the others as the parabola through this point has it, and its slope
        gap, slope = -0.5 * gradient[:-1] @ step, sign * (gradient[-1] + follow @ gradient[:-1])
        root = jnp.sqrt(2 * total * (value - gap - fit.cross_entropy))
        wanted = (limit - root) * root / (total * slope)
        moved = jnp.clip(wanted, -0.5 * s.at, s.at)
        sound = convex & (slope > 0) & jnp.isfinite(wanted) & jnp.all(jnp.isfinite(step))
        near = (jnp.abs(wanted) <= 0.1 * eps**0.5 * s.at) & (root > 0.5 * limit) | (jnp.abs(root - limit) <= noise)
        # the height is right to the power 3/2 of the gap
        done = sound & near & (gap <= 0.01 * eps**0.5)
        return _Newton(s.at + moved, s.others + step + sign * moved * follow, sound, done, s.steps + 1)

    yes, no = jnp.asarray(True), jnp.asarray(False)
    start = _Newton(first, path.others + sign * first * path.slopes, yes, no, jnp.asarray(0))
    end = jax.lax.while_loop(lambda s: s.sound & ~s.done & (s.steps < _NEWTON_STEPS), body, start)
    return end.at, end.done


def _noise(fit: Fit, limit: Array) -> Array:
    """The rounding of the root of the likelihood ratio at its limit."""
    total = fit.observations.astype(limit.dtype)
    return 4 * jnp.finfo(limit.dtype).eps * total * (1 + jnp.abs(fit.cross_entropy)) / limit


def _inverse(matrix: Array) -> tuple[Array, Array]:
    """The inverse of a matrix of second derivatives, and whether it is positive definite."""
    if not matrix.size:
        return matrix, jnp.asarray(True)
    unit = units(matrix)
    values, vectors = symmetric_eigen(matrix / jnp.outer(unit, unit))
    return (vectors / values[None, :]) @ vectors.T / jnp.outer(unit, unit), jnp.all(values > 0)


def _end(fit: Fit, path: _Path, sign: Array, limit: Array, distance: Array, found: Array) -> tuple[Array, Array]:
    """The coordinate of one end, and whether it is never reached: secant steps on the root of the likelihood ratio.

    One that was found already is at this distance.
    """
    first, eps, total = limit * path.width, jnp.finfo(limit.dtype).eps, fit.observations.astype(limit.dtype)
    noise = _noise(fit, limit)

    def body(s: _Search) -> _Search:
        start = s.others + sign * (s.at - s.last) * path.slopes
        value, others = path.minimum(path.center + sign * s.at, start)
        ratio = 2 * total * (value - fit.cross_entropy)
        excess = jnp.sqrt(jnp.maximum(ratio, 0.0)) - limit
        # a better fit than the fit: beyond the end it does not matter; before it there is no interval
        better = ratio < -0.01 * limit**2 - limit * noise
        usable = jnp.isfinite(excess) & ~better
        low = select(usable & (excess < 0), s.at, s.low)
        high = select(usable & (excess >= 0), s.at, s.high)
        # twice the distance brings less than a thousandth of what is missing: floats end before a thousand doublings
        doubled = (s.at > 1.99 * s.last) & (s.at > 0.99 * first)
        never = usable & (high == jnp.inf) & doubled & (jnp.abs(excess - s.excess) < -1e-3 * excess)
        new = select(usable, _next(s, excess, low, high), 0.5 * (s.last + s.at))
        moved = jnp.abs(new - s.at)
        done = never | (moved <= 0.1 * eps**0.5 * s.at) | (jnp.abs(excess) <= noise)
        dip = select(better, jnp.minimum(s.dip, s.at), s.dip)
        last, excess = select(usable, s.at, s.last), select(usable, excess, s.excess)
        others = select(usable, others, s.others)
        return _Search(new, low, high, last, excess, others, dip, moved, s.steps + 1, done, never)

    zero, no = jnp.zeros_like(limit), jnp.asarray(False)
    far = zero + jnp.inf
    at = select(found, distance, first)
    start = _Search(at, zero, far, zero, -limit, path.others, far, far, jnp.asarray(0), found, no)
    end = jax.lax.while_loop(lambda s: ~s.done & (s.steps < _OUTER_STEPS), body, start)
    # a search that was stopped by a dip ends just before it
    reached = end.done & (end.at < (1 - 10 * eps**0.5) * end.dip)
    return select(reached, path.center + sign * end.at, jnp.nan), end.never


def _next(s: _Search, excess: Array, low: Array, high: Array) -> Array:
    """The secant's distance where it is inside the bracket and the steps halve; else a bisection or a doubling."""
    secant = s.at - excess * (s.at - s.last) / (excess - s.excess)
    closed = high < jnp.inf
    good = (secant > low) & (secant < select(closed, high, 2 * s.at)) & (jnp.abs(secant - s.at) < 0.5 * s.moved)
    return select(good, secant, select(closed, 0.5 * (low + high), 2 * s.at))


@compiled()
def _profile(fit: Fit, source: Empirical, coordinates: Array, index: Array) -> Array:
    path = _path(fit, source, index)
    coordinates = coordinates.astype(path.center.dtype) - path.center
    order = jnp.argsort(jnp.abs(coordinates))

    def visit(sides: tuple, distance: Array) -> tuple:
        """From the last minimum on the same side."""
        side = select(distance < 0, 0, 1)
        before, others = (each[side] for each in sides)
        value, others = path.minimum(path.center + distance, others + (distance - before) * path.slopes)
        moved = (sides[0].at[side].set(distance), sides[1].at[side].set(others))
        return jax.tree.map(lambda new, old: select(jnp.isfinite(value), new, old), moved, sides), value

    start = (jnp.zeros(2, path.center.dtype), jnp.stack([path.others, path.others]))
    found: Array = jax.lax.scan(visit, start, coordinates[order])[1]
    return jnp.zeros_like(found).at[order].set(found)


class _Entry(NamedTuple):
    """A number among the fitted parameters."""

    support: Any
    leaf: str  # the name of its parameter
    place: tuple[int, ...]  # where in that
    coordinate: int  # the index of its coordinate


def _named(caller: str, fit: Fit, name: str) -> _Entry:
    """The number of that name; one that shares its coordinates with others, as a weight of several, is none."""
    curvature_of(caller, fit)
    found = places(jax.eval_shape(lambda model: unconstrain(model, fit.fixed)[0], fit.model))
    entries = {
        entry_name(leaf.name, index): _Entry(leaf.support, leaf.name, index, int(found[leaf.name][index]))
        for leaf in named_leaves(fit.model)
        if leaf.name in found and leaf.support.ndim == 0
        for index in np.ndindex(np.shape(leaf.value))
    }
    ends = [leaf for leaf in named_leaves(fit.model) if leaf.name in fit.ends]
    if name in fit.ends or any(
        name == entry_name(end.name, i) for end in ends for i in np.ndindex(np.shape(end.value))
    ):
        corner = hasattr(fit.model, "passes_through")
        raise ValueError(
            f"{caller}: found name={name!r}, which {type(fit.model).__name__} takes from single observations, so that "
            f"its likelihood {'has a corner' if corner else 'ends'} there, but a parameter at a smooth maximum is "
            f"needed; {'use inference.bootstrap' if corner else 'hold it with fixed= if its value is known'}."
        )
    if name not in entries:
        raise ValueError(
            f"{caller}: found name={name!r}, but a parameter that was fitted and is one number is needed, of which "
            f"{type(fit.model).__name__} has {', '.join(entries) or 'none'}; use one of these names (numbers that move "
            "together, as weights with one sum, have fit.interval() and inference.bootstrap)."
        )
    return entries[name]


def _in_own_units(fit: Fit, name: str) -> Fit:
    """The fit with coordinates of which that of a parameter is its own, as it is not for coefficients of columns."""
    plain = in_own_units(fit.model, name)
    if len(jax.tree.leaves(plain)) == len(jax.tree.leaves(fit.model)):  # no part has units of its own
        return fit
    point, build = coordinates(plain, fit.fixed)

    def before(point: Array) -> Array:
        moved = {leaf.name: leaf.value for leaf in named_leaves(build(point)) if leaf.is_parameter}
        values = [moved.get(leaf.name, leaf.value) for leaf in named_leaves(fit.model)]
        return coordinates(replace_leaves(fit.model, values), fit.fixed)[0]

    slopes = jax.jacfwd(before)(point)
    return dataclasses.replace(fit, model=plain, curvature=slopes.T @ fit.curvature @ slopes)


def _check_values(support: Any, values: Array) -> None:
    if values.ndim != 1:
        raise ValueError(
            f"profile: found values of shape {values.shape}, but numbers [k] are needed; write [value] for one."
        )
    good = support.contains(values)
    if known(good) and not np.all(good):
        index = int(np.argmin(np.asarray(good)))
        raise ValueError(
            f"profile: found values[{index}] = {values[index]}, but {support.name} is needed; leave it out."
        )
