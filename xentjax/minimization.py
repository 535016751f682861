"""Minimisation with a certificate: Newton's method as an optax transformation, and the loop that runs any other.

A minimum is judged by its gap, the Newton decrement ½ gᵀ H⁻¹ g: an estimate of how far the objective still is above
its minimum, which does not depend on the parametrisation. That a step was small is never taken for convergence.
"""

import functools
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.flatten_util import ravel_pytree

from xentjax._select import select
from xentjax.certificates import DENSE_LIMIT, Certificate, certify, gap_tolerance, undetermined, unseen
from xentjax.diagnosis import Ending, ending
from xentjax.implicit import minimum_of
from xentjax.parameters import check_held, unconstrain
from xentjax.results import Minimum, with_cause
from xentjax.statuses import Status


class NewtonState(NamedTuple):
    """The best point so far and the radius of trust around it."""

    best: Certificate
    radius: Array
    evaluations: Array


def newton() -> optax.GradientTransformationExtraArgs:
    """Newton's method with a trust region, as an optax transformation; called like `optax.lbfgs`.

    Each update evaluates value, gradient and Hessian of `value_fn` at `params`, keeps the point if it is the best so
    far, and proposes the next: s = −|H|⁻¹ g, where |H| has the absolute eigenvalues of the Hessian (so that saddles
    repel), shortened to a length measured by |H| itself (so that the units of the parameters do not matter). Up to 64
    parameters the Hessian is formed; past that the step is found by conjugate gradients. The `updates` and `value`
    that a loop passes are not used.

    >>> import jax, jax.numpy as jnp, optax
    >>> import xentjax as xj
    >>> f = lambda x: jnp.cosh(x[0] - 3.0)
    >>> optimizer = xj.newton()
    >>> @jax.jit
    ... def step(x, state):
    ...     updates, state = optimizer.update(jax.grad(f)(x), state, x, value_fn=f)
    ...     return optax.apply_updates(x, updates), state
    >>> x = jnp.zeros(1)
    >>> state = optimizer.init(x)
    >>> for _ in range(12):
    ...     x, state = step(x, state)
    >>> round(x[0].item(), 5)
    3.0

    See also: `optax.lbfgs`, which needs first derivatives only.
    """

    return optax.GradientTransformationExtraArgs(_init, _update)


def _init(params: Any) -> NewtonState:
    return _begin(ravel_pytree(params)[0])


def _update(
    updates: Any, state: NewtonState, params: Any = None, *, value_fn: Callable[[Any], Array], **_: Any
) -> tuple[Any, NewtonState]:
    point, unravel = ravel_pytree(params)
    state = _judge(state, certify(value_fn, point, unravel, state.radius))
    return unravel(_proposed(state) - point), state


def _begin(point: Array) -> NewtonState:
    """The state before any evaluation, which proposes the point itself."""
    size, zero, still = point.shape[0], jnp.zeros((), point.dtype), jnp.zeros_like(point)
    hessian = jnp.zeros((size, size), point.dtype) if size <= DENSE_LIMIT else None
    forms = jnp.zeros(3, point.dtype)
    no = jnp.asarray(False)
    unknown = Certificate(point, zero, still, zero, still, forms, no, no, still, hessian)
    return NewtonState(unknown, zero + 1, jnp.asarray(0))


def _proposed(state: NewtonState) -> Array:
    """Where to evaluate next."""
    return state.best.point + _scale(state) * state.best.step


def _judge(state: NewtonState, trial: Certificate) -> NewtonState:
    """Keep the better point; widen the trust where the model of the objective held, narrow it where it did not."""
    best, radius, first = state.best, state.radius, state.evaluations == 0
    scale = _scale(state)
    promised = -(scale * best.slope + 0.5 * scale * scale * best.bend)
    noise, drop, closer = _noise(best), best.value - trial.value, trial.gap < best.gap
    # close to the minimum the objective may round by more than is promised, but the slopes at both ends of a step tell
    # what it gains, exactly to its third order; a gap a tenth of the last says that they are no noise
    by_slopes = -0.5 * scale * (best.slope + trial.gradient @ best.step)
    told = (promised < _doubtful(best)) & (trial.gap < 0.1 * best.gap)
    drop = select(told, jnp.maximum(drop, by_slopes), drop)
    # where the promise itself is only noise, the gap decides: it is made from the gradient
    decides = promised > noise
    usable = jnp.isfinite(trial.value) & ~jnp.isnan(trial.gap)
    improved = select(decides, drop > 1e-4 * promised, closer & (drop > -noise))
    better = first | (usable & improved)
    held = select(decides, drop / promised, select(better, 1.0, 0.0))
    held = select(usable, held, 0.0)
    used = jnp.minimum(best.length, radius)
    wider = select(held > 0.75, jnp.maximum(radius, 3 * used), radius)
    narrower = 0.25 * used
    radius = select(first, radius, select(held < 0.25, narrower, wider))
    best = jax.lax.cond(better, lambda: trial, lambda: best)
    return NewtonState(best, radius, state.evaluations + 1)


def _noise(best: Certificate) -> Array:
    """The rounding of the objective: it is a sum of terms of the order of one nat, also where it is near 0 itself."""
    return 16 * jnp.finfo(best.value.dtype).eps * (1 + jnp.abs(best.value))


def _doubtful(best: Certificate) -> Array:
    """A difference of the objective that may be its rounding, where large terms cancel in it."""
    return jnp.finfo(best.value.dtype).eps ** 0.5 * (1 + jnp.abs(best.value))


def _scale(state: NewtonState) -> Array:
    """How much of its Newton step the radius allows."""
    length = jnp.maximum(state.best.length, jnp.finfo(state.radius.dtype).tiny)
    return jnp.minimum(1.0, state.radius / length)


# How many updates of another optimiser lie between two certificates.
CHECK_EVERY = 100

_NEWTON = newton()


def minimize(
    objective: Callable[..., Array],
    model: Any,
    *args: Any,
    fixed: Collection[str] = (),
    optimizer: optax.GradientTransformation | None = None,
    tol: float | None = None,
    max_steps: int = 10_000,
) -> Minimum:
    """Minimise objective(model, *args) over the parameters of a model, or over any pytree of arrays.

    The parameters move in their unconstrained coordinates, so that they stay inside their supports. The same function
    object with arguments of the same shapes is compiled once: give data as `args`, not by a closure.

    Args:
      objective: a function of the model (and of `args`) that returns a scalar.
      model: where to start: a family's instance, a record, or any pytree of arrays.
      fixed: names of parameters to hold.
      optimizer: any optax transformation; None is `newton()`. Make it once: a new `optax.adam(…)` compiles anew.
      tol: the gap to reach; None is 1e-12 in float64 and the machine epsilon in float32.
      max_steps: evaluations (Newton) or updates (other optimisers).

    Returns:
      A `Minimum`. Inside `jit` and `vmap` too; there is one status per lane. It can be differentiated in `args` and in
      the values that are held, forward and reverse, to any order: by the implicit-function rule.

    Raises:
      ValueError: a name in `fixed` that the model does not have.

    The projection of a mixture by the reverse divergence KL(q‖p), as variational inference does it:

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> p = xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array([-3.0, 3.0]), jnp.ones(2)))
    >>> def reverse(q, p):
    ...     points = xj.quadrature(q)
    ...     return points.expect(lambda x: q.log_prob(x) - p.log_prob(x))
    >>> found = xj.minimize(reverse, xj.Normal(2.0, 1.0), p)
    >>> found.params  # one of the two humps
    Normal(loc=2.98..., scale=1.02...)

    See also: `scipy.optimize.minimize`, whose success may mean that a step was small.
    """
    if isinstance(model, type) or not callable(objective):
        raise TypeError(
            f"minimize: found objective={objective!r} and the start {model!r}, but a function of the model and a model "
            "with values are needed, as in minimize(objective, Normal(0.0, 1.0))."
        )
    if not fixed and not any(jnp.issubdtype(jnp.result_type(leaf), jnp.inexact) for leaf in jax.tree.leaves(model)):
        raise TypeError(
            f"minimize: found the start {model!r}, in which no number can move, but floats are needed; write 0.0 for "
            "0, or x.astype(float)."
        )
    check_held("minimize", model, fixed)
    check_limits("minimize", optimizer, tol, max_steps)
    return with_cause(*_minimize(objective, model, args, tuple(sorted(fixed)), optimizer, tol, max_steps))


@functools.partial(jax.jit, static_argnums=(0, 3, 4))
def _minimize(
    objective: Callable, model: Any, args: tuple, fixed: tuple, optimizer: Any, tol: Any, max_steps: Any
) -> tuple[Minimum, Ending]:
    still = jax.lax.stop_gradient
    free, _ = unconstrain(still(model), fixed)
    _, unravel = ravel_pytree(free)

    def objective_of(arguments: tuple) -> Callable:
        model, args = arguments
        constrain = unconstrain(model, fixed)[1]
        return lambda u: objective(constrain(u), *args)

    best, status, steps, settled = run(objective_of(still((model, args))), free, optimizer, tol, max_steps)
    point, value, hessian = minimum_of(objective_of, unravel, best.point, best.value, best.hessian, (model, args))
    found = unconstrain(model, fixed)[1](unravel(point))
    end = ending(still(found), free, best, status, settled, gap_tolerance(tol, best.value.dtype))
    return Minimum(found, value, best.gap, status, steps, hessian, jnp.zeros(point.shape, jnp.int8), fixed), end


def run(
    objective: Callable[[Any], Array], free: Any, optimizer: Any, tol: Any, max_steps: Any
) -> tuple[Certificate, Array, Array, Array]:
    """Minimise over unconstrained parameters.

    The best certified point, how it ended, after how many steps, and whether the last digits were brought in.
    """
    point, unravel = ravel_pytree(free)
    tol = gap_tolerance(tol, point.dtype)
    if point.shape[0] == 0:
        value = objective(free)
        zero, point = jnp.zeros_like(value), point.astype(value.dtype)
        hessian = jnp.zeros((0, 0), value.dtype)
        forms = jnp.zeros(3, value.dtype)
        yes = jnp.asarray(True)
        done = Certificate(point, value, point, zero, point, forms, yes, yes, point, hessian)
        status = select(jnp.isfinite(value), Status.CONVERGED, Status.BAD_START)
        return done, status, jnp.asarray(0), jnp.asarray(True)
    optimizer = optax.with_extra_args_support(_NEWTON if optimizer is None else optimizer)
    # the state of Newton's method is a certificate already, so that its loop evaluates the objective in one place
    loop = _run_newton if optimizer.update is _update else functools.partial(_run_other, optimizer)
    with jax.default_matmul_precision("highest"):  # accelerators would round products to fewer digits
        best, status, steps, settled = loop(objective, point, unravel, tol, max_steps)
        last = (status == Status.CONVERGED) & (best.gap <= unseen(best.value.dtype))
        best = best._replace(point=select(last, best.point + best.step, best.point))
        if point.shape[0] > DENSE_LIMIT:
            nothing = jnp.zeros(point.shape, bool)
            found = status == Status.CONVERGED
            flat = jax.lax.cond(found, lambda: undetermined(objective, best.point, unravel), lambda: nothing)
            best = best._replace(flat=flat)
    return best, status, steps, settled


RUNNING = -1


# A Newton step squares the gap: within the tolerance up to three more evaluations bring in the last digits, one where
# the gap is at the machine epsilon already.
SETTLED = 3


# Steps that keep what they promise grow threefold each. So many in a row that are less than a thousandth of Newton's go
# from one rounding of the parameters to the next, as where residuals are 0 but for rounding.
SHORT, CRAWLED = 1e-3, 100


def _settling(best: Certificate, tol: Array, first: Array) -> Array:
    last = best.gap <= jnp.finfo(best.point.dtype).eps
    return select(_closed(best, tol) & ~first, select(last, SETTLED, 1), 0)


def _closed(best: Certificate, tol: Array) -> Array:
    return (best.gap <= tol) & best.convex


def _end(best: Certificate, tol: Array, settled: Array, steps: Array, max_steps: Any) -> Array:
    """The status of a loop: converged once the gap is closed and the last digits are in, or the steps ran out."""
    closed = _closed(best, tol)
    done = closed & ((settled >= SETTLED) | (best.gap <= unseen(best.value.dtype)))
    started = jnp.isfinite(best.value) & ~jnp.isnan(best.gap)
    late = select(closed, Status.CONVERGED, Status.MAX_STEPS)
    status = select(done, Status.CONVERGED, select(steps >= max_steps, late, RUNNING))
    return select(started, status, Status.BAD_START)


def _run_newton(
    objective: Callable, point: Array, unravel: Callable, tol: Array, max_steps: Any
) -> tuple[Certificate, Array, Array, Array]:
    """What a loop over `newton().update` does, without the updates between points and parameters."""

    def body(carry: tuple) -> tuple:
        state, settled, crawled, _ = carry
        settled = settled + _settling(state.best, tol, state.evaluations == 0)
        crawled = select(_scale(state) < SHORT, crawled + 1, 0)
        state = _judge(state, certify(objective, _proposed(state), unravel, state.radius))
        status = _end(state.best, tol, settled, state.evaluations, max_steps)
        # the radius bounds what a step can promise: far below the tolerance nothing is left to try
        stuck = ((state.radius < 1e-4 * jnp.sqrt(tol)) | (crawled > CRAWLED)) & (status == RUNNING)
        status = select(stuck, select(_closed(state.best, tol), Status.CONVERGED, Status.STALLED), status)
        return state, settled, crawled, status

    start = (_begin(point), jnp.asarray(0), jnp.asarray(0), jnp.asarray(RUNNING))
    state, settled, _, status = jax.lax.while_loop(lambda carry: carry[-1] == RUNNING, body, start)
    return state.best, status, state.evaluations, settled >= SETTLED


def _run_other(
    optimizer: Any, objective: Callable, point: Array, unravel: Callable, tol: Array, max_steps: Any
) -> tuple[Certificate, Array, Array, Array]:
    """Any optax transformation: `CHECK_EVERY` updates, then a certificate, until the gap is closed."""
    radius = jnp.ones((), point.dtype)

    def update(_: Array, carry: tuple) -> tuple:
        params, state = carry
        value, gradient = jax.value_and_grad(objective)(params)
        with jax.numpy_dtype_promotion("standard"):  # optax mixes types, also where the user forbids it
            updates, state = optimizer.update(gradient, state, params, value=value, grad=gradient, value_fn=objective)
        return optax.apply_updates(params, updates), state

    def body(carry: tuple) -> tuple:
        params, state, best, steps, settled, first, _ = carry
        trial = certify(objective, ravel_pytree(params)[0], unravel, radius)
        finite = jnp.isfinite(trial.value) & ~jnp.isnan(trial.gap)
        closed = _closed(best, tol) & ~first
        settled = settled + _settling(best, tol, first)
        finer = (trial.gap < best.gap) & (trial.value <= best.value + _noise(best))
        keep = first | (finite & select(closed, finer, finer | (trial.value < best.value)))
        best = jax.tree.map(lambda new, old: select(keep, new, old), trial, best)
        status = _end(best, tol, settled, steps, max_steps)
        diverged = ~finite & ~first & ~closed
        status = select(diverged, Status.DIVERGED, status)
        polish = _closed(best, tol)
        count = select((status == RUNNING) & ~polish, jnp.minimum(CHECK_EVERY, max_steps - steps), 0)
        params, state = jax.lax.fori_loop(0, count, update, (params, state))
        step = unravel(best.point + best.step)
        params = jax.tree.map(lambda a, b: select(polish, a, b), step, params)
        return params, state, best, steps + count, settled, jnp.asarray(False), status

    params = unravel(point)
    start = (
        params,
        optimizer.init(params),
        _begin(point).best,
        jnp.asarray(0),
        jnp.asarray(0),
        jnp.asarray(True),
        jnp.asarray(RUNNING),
    )
    _, _, best, steps, settled, _, status = jax.lax.while_loop(lambda carry: carry[-1] == RUNNING, body, start)
    return best, status, steps, settled >= SETTLED


def check_limits(function: str, optimizer: Any, tol: Any, max_steps: int) -> None:
    """An error for an optimiser that is none, and for limits that cannot be kept."""
    if optimizer is not None and not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(
            f"{function}: found optimizer={optimizer!r}, but an optax transformation is needed; "
            "call it, as in optimizer=optax.adam(1e-2), or leave it None for Newton's method."
        )
    if isinstance(max_steps, bool) or not isinstance(max_steps, (int, np.integer)) or not 1 <= max_steps < 2**31:
        raise ValueError(
            f"{function}: found max_steps={max_steps!r}, but a whole number from 1 to 2³¹ − 1 is needed; leave it out."
        )
    number = isinstance(tol, (float, int, np.floating, np.integer, np.ndarray, jax.Array)) and np.ndim(tol) == 0
    if tol is not None and (not number or (not isinstance(tol, jax.core.Tracer) and not tol > 0)):
        raise ValueError(f"{function}: found tol={tol!r}, but a gap > 0 in nats is needed; leave it out.")
