"""Diagnosis: what it means that a minimisation ended where it did, and along which coordinates.

At a minimum inside, the last steps square the gap. Where none lies inside, each step takes a constant share of it and
leads on by about as much as the one before: towards an end of a support, or to infinity. Where the data do not
determine a direction, the curvature along it is rounding.
"""

import math
from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from xentjax._select import select
from xentjax.certificates import Certificate, diagonal_of, gap_tolerance, symmetric_eigen, unseen
from xentjax.parameters import NamedLeaf, entry_name, inside, named_leaves, places, uncentred, unconstrain
from xentjax.records import record, static
from xentjax.statuses import Status


@record
class Ending:
    """What a diagnosis looks at; models with as many coordinates of the same kinds share its program.

    Attributes:
      plain: whether it converged and that needs no second look: the last step squared the gap, inside, and every
        direction is bent.
      start: the unconstrained coordinates [m] at the start.
      point, value, gap, convex, hessian, flat: of the certificate at the best point.
      step: the step from there without any limit.
      status: how the loop ended.
      settled: whether the loop tried to bring in the last digits.
      tol: the gap that was to be reached.
      outside: whether a parameter rounds to an end of its support.
      relative: of each coordinate, whether what it adds to is a logarithm.
      endless: of each coordinate, whether it can go down, and up, without the parameter coming to an end.
    """

    plain: Array
    start: Array
    point: Array
    value: Array
    gap: Array
    convex: Array
    hessian: Any
    flat: Any
    step: Array
    status: Array
    settled: Array
    tol: Array
    outside: Array
    relative: tuple[bool, ...] = static()
    endless: tuple[tuple[bool, bool], ...] = static()


def ending(found: Any, free: dict[str, Array], best: Certificate, status: Array, settled: Array, tol: Array) -> Ending:
    """How a loop from the coordinates `free` ended, with the best certificate at the model `found`."""
    start, _ = ravel_pytree(free)
    leaves = {leaf.name: leaf for leaf in named_leaves(found)}
    each = [leaves[name] for name, place in places(free).items() for _ in range(place.size)]
    outside, step = ~inside(found), _uncentred_step(found, free, best)
    # the gap of an objective that vanishes is a good part of it
    closed = (best.gap <= jnp.minimum(unseen(best.value.dtype), 0.01 * tol)) & (best.gap <= 0.05 * jnp.abs(best.value))
    relative = tuple(leaf.support.relative for leaf in each)
    plain = (status == Status.CONVERGED) & closed & best.firm & ~outside
    if best.hessian is not None and any(relative):
        # so that, with what is firm, no e-fold costs less than a closed gap
        steep = diagonal_of(best.hessian)[np.flatnonzero(relative)] > jnp.finfo(start.dtype).eps ** 0.25
        plain = plain & jnp.all(steep)
    certified = best.point, best.value, best.gap, best.convex, best.hessian, best.flat
    return Ending(plain, start, *certified, step, status, settled, tol, outside, relative, tuple(map(_endless, each)))


@jax.jit
def diagnose(end: Ending) -> tuple[Array, Array]:
    """The status with its cause, and where each unconstrained coordinate [m] was going: 1 up, −1 down, 0 nowhere."""
    start, status, tol, outside = end.start, end.status, end.tol, end.outside
    if start.shape[0] == 0:
        return status, jnp.zeros(0, jnp.int8)
    relative, (endless_down, endless_up) = np.array(end.relative), np.array(end.endless).T
    closed, unfinished = status == Status.CONVERGED, (status == Status.STALLED) | (status == Status.MAX_STEPS)

    vanishing = _vanishing(end) & (end.gap <= tol)
    closed = closed | (unfinished & vanishing)  # far out the curvature of a network may be of any sign
    slow, moving = _still_moving(end, relative, vanishing)
    lost = ~jnp.isfinite(end.point) | (jnp.abs(end.point) > -math.log(float(jnp.finfo(start.dtype).tiny)))
    heading = select(lost & relative, jnp.sign(end.point), jnp.sign(end.step))
    flat, cheap, bent = (end.flat, False, True) if end.hessian is None else _flat(end.hessian, relative)
    # a curvature that is rounding has any sign
    level = unfinished & (end.gap <= tol) & ~end.convex & ~jnp.asarray(bent)
    # where the curvature is rounding a step is as well; where it is but small, a step tells the way
    stays = select(jnp.any(flat), ~(slow & jnp.any(moving)), jnp.any(cheap) & ~jnp.any(moving))
    undetermined = (closed | level) & ~outside & stays
    leaving = closed & ~undetermined & (outside | jnp.any(moving))
    moving = moving | (outside & lost & relative)

    # what never closed, led further than any data reach, and leads on: of a scale, to where residuals are rounding
    folds = -5 / 6 * math.log(float(jnp.finfo(start.dtype).eps))
    reach = select(relative, folds, 1e10 * (1 + jnp.abs(start)))
    rests = (end.gap < 1e-4) & (jnp.abs(end.step) <= 0.01 * select(relative, 1.0, jnp.abs(end.point)))
    far = ~(jnp.abs(end.point - start) < reach) & ~rests
    unbounded = unfinished & jnp.any(far)
    moving = select(unbounded, far, moving)
    heading = select(unbounded, jnp.sign(end.point - start), heading)

    endless = jnp.any(moving & select(heading > 0, endless_up, endless_down))
    limit = select(unbounded | endless, Status.UNBOUNDED, Status.BOUNDARY)
    saddle = unfinished & ~unbounded & ~leaving & ~undetermined & (end.gap <= tol) & ~end.convex
    status = select(leaving | unbounded, limit, select(undetermined, Status.FLAT, status))
    status = select(saddle, Status.SADDLE, status)
    going = select(leaving | unbounded, moving, undetermined & (flat | cheap))
    return status, select(going, select(heading == 0, 1, heading), 0).astype(jnp.int8)


def _uncentred_step(found: Any, free: dict[str, Array], best: Certificate) -> Array:
    """The step, of a constant as the number that it is: it may have a limit where η at the centres has none."""
    fixed = [leaf.name for leaf in named_leaves(found) if leaf.is_parameter and leaf.name not in free]
    if uncentred(found, fixed) is None:
        return best.full
    (_, unravel), (_, constrain) = ravel_pytree(free), unconstrain(found, fixed)

    def own(point: Array) -> Array:
        return ravel_pytree(uncentred(constrain(unravel(point)), fixed))[0]

    return jax.jvp(own, (best.point,), (best.full,))[1]


def _vanishing(end: Ending) -> Array:
    """Whether the objective falls to 0 as an exponential does, whose gap is half its value, or less of several.

    The gap of a power, as of any objective that is 0 at a minimum, is more than half. Where the curvature is not
    convex, which no minimum's is, the gap is only an estimate.
    """
    return (end.gap > 0.05 * end.value) & (end.gap < select(end.convex, 0.55, 1.0) * end.value)


def _still_moving(end: Ending, relative: np.ndarray, vanishing: Array) -> tuple[Array, Array]:
    """Whether the last steps did not square the gap, and the coordinates [m] that they still moved."""
    slow = (end.settled & (end.gap > 0.01 * end.tol)) | vanishing
    step = jnp.abs(end.step)
    # a coordinate counts if it makes a good part of the step, measured by curvature
    size = step if end.hessian is None else step * jnp.sqrt(jnp.abs(diagonal_of(end.hessian)))
    # where the gap is rounding, as it soon is in float32, the step is small too
    # the exponential of a power of the coordinates needs but a small part of them to fall on
    least = select(vanishing, jnp.finfo(step.dtype).eps ** 0.2, 0.01)
    far = step > least * select(relative, 1.0, jnp.abs(end.point))
    return slow, (slow & far & (size >= 0.1 * jnp.max(size))) | (end.settled & relative & (step > 0.1))


def _endless(leaf: NamedLeaf) -> tuple[bool, bool]:
    """Whether a coordinate can go down, and up, without the parameter coming to an end of its support."""
    if leaf.support.ndim:
        return (not leaf.support.relative,) * 2  # ratios of probabilities end where one of them is 0
    return math.isinf(leaf.support.low), math.isinf(leaf.support.high)


def _flat(hessian: Array, relative: np.ndarray) -> tuple[Array, Array, Array]:
    """The coordinates [m] that the data do not determine, and whether the curvature along another is negative.

    First those with a part in a direction whose curvature is rounding, then those with a part in one along which an
    e-fold of theirs costs less than a closed gap. Past 64 coordinates `undetermined` tells.
    """
    root = jnp.sqrt(jnp.abs(diagonal_of(hessian)))
    # an e-fold that costs less than the rounding of a nat costs nothing
    root = select(relative & (root * root < 64 * jnp.finfo(root.dtype).eps), 0.0, root)
    unit = select(root > 0, root, 1.0)
    scaled = select((root > 0)[:, None] & (root > 0)[None, :], hessian / unit[:, None] / unit[None, :], 0.0)
    values, vectors = symmetric_eigen(scaled)
    size, part = jnp.abs(values), jnp.abs(vectors) > 0.1
    flat = size <= 2 * values.shape[0] * jnp.finfo(values.dtype).eps * jnp.max(size)
    cost = 0.5 * size[None, :] * (root[:, None] / select(part, vectors, 1.0)) ** 2
    cheap = relative[:, None] & (cost < gap_tolerance(None, values.dtype))
    return jnp.any(part & flat[None, :], -1), jnp.any(part & cheap, -1), jnp.any((values < 0) & ~flat)


def in_words(model: Any, fixed: Collection[str], status: int, going: np.ndarray) -> str:
    """Where the coordinates [m] of a model were going: "df → ∞, scale → 0"; of a flat fit the names alone."""
    leaves, words = {leaf.name: leaf for leaf in named_leaves(model)}, []
    for name, found in places(unconstrain(model, fixed)[0]).items():
        support, part = leaves[name].support, going[found]
        if support.ndim:
            moved = [(name, "an end")] if part.any() else []
        else:
            ends = {-1: _limit(support.low), 1: _limit(support.high)}
            moved = [(entry_name(name, tuple(index)), ends[int(part[tuple(index)])]) for index in np.argwhere(part)]
        words += [name if status == Status.FLAT else f"{name} → {end}" for name, end in moved]
    return ", ".join(words)


def _limit(end: float) -> str:
    return f"{end:g}" if math.isfinite(end) else "∞" if end > 0 else "−∞"
