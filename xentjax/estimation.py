"""Estimation: fit a model to a source by minimising the cross-entropy H(source, model).

Maximum likelihood is the case where the source is data, a KL projection the case where it is a known distribution:
`fit_mle` and `fit_kl` are the same `fit`.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from xentjax import admission
from xentjax._select import select
from xentjax.certificates import gap_tolerance
from xentjax.diagnosis import Ending, ending
from xentjax.implicit import minimum_of
from xentjax.minimization import run
from xentjax.models.starts import is_open, joined, split
from xentjax.multistart import check_starts, run_from_several
from xentjax.objectives import Penalized, cross_entropy_objective
from xentjax.parameters import NamedLeaf, check_names, inside, may_be, named_leaves, replace_leaves, unconstrain
from xentjax.refusals import explain
from xentjax.results import Fit, is_plain, with_cause
from xentjax.sources import Empirical
from xentjax.statuses import Status


def fit_mle(
    model: Any,
    data: Any,
    *,
    weights: Any = None,
    fixed: Collection[str] | Mapping[str, Any] | None = None,
    optimizer: optax.GradientTransformation | None = None,
    tol: float | None = None,
    max_steps: int = 10_000,
    num_starts: int = 1,
    key: jax.Array | None = None,
) -> Fit:
    """Maximum likelihood: argmax Σ wᵢ log q(xᵢ; θ), which is argmin H(p̃, q_θ) = argmin KL(p̃‖q_θ).

    Args:
      model: a family's class, or a combination with one inside, as `Censored(Weibull)` (the start is computed from the
        data); or an instance of anything with `log_prob`: a family, a record of your own, `Built`, `Density` (the
        start is that instance; outside `jit` a family's gives way to the start of its class where the likelihood is 0
        in floats, or has no finite derivatives).
      data: an array [n, ...] or a pytree of arrays with a common leading axis. For a conditional model log q(y | x)
        it is the pair (x, y), and so is the point that `log_prob` gets.
      weights: non-negative numbers [n]; a weight of 2 counts an observation twice.
      fixed: parameters to hold: {"df": 4.0}, or names to hold at an instance's values.
      optimizer: any optax transformation; None is `newton()`. Make it once: a new `optax.adam(…)` compiles anew.
      tol: the gap, in nats per observation, to reach; None is 1e-12 in float64 and the machine epsilon in float32.
      max_steps: evaluations (Newton) or updates (other optimisers).
      num_starts, key: how many starts to run from in one vmapped call, the given one and others drawn around it with
        `key`, of which the lowest minimum is kept; for mixtures and other likelihoods with several maxima.

    Returns:
      A `Fit`. It works inside `jit` and `vmap`, with one status per lane; there nothing is raised. It can be
      differentiated in the data, the weights and the values that are held, forward and reverse, to any order: by the
      implicit-function rule at the minimum, not through the steps that led there.

    Raises:
      ValueError, TypeError: data, weights or names that cannot be used, each with the entry at fault.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Gamma, jnp.array([0.8, 1.5, 2.0, 3.1, 0.6]))
    >>> print(fit)
    Fit of Gamma to 5 observations: converged
      concentration  3.08... ± 1.85
      rate           1.92... ± 1.26
      cross-entropy  1.208... nats per observation, about ... above the minimum

    See also: `fit_kl`, the same with a known distribution as the truth; `scipy.stats.fit`, without standard errors.
    """
    return _checked_fit("fit_mle", model, Empirical(data, weights), fixed, optimizer, tol, max_steps, num_starts, key)


def fit_kl(
    model: Any,
    source: Any,
    *,
    fixed: Collection[str] | Mapping[str, Any] | None = None,
    optimizer: optax.GradientTransformation | None = None,
    tol: float | None = None,
    max_steps: int = 10_000,
    num_starts: int = 1,
    key: jax.Array | None = None,
) -> Fit:
    """The KL projection of a source onto a family: argmin KL(p‖q_θ), which is argmin H(p, q_θ).

    H(p) does not depend on θ, so the two have the same minimiser. Put differently: maximum likelihood with infinitely
    many data from p.

    Args:
      model: as for `fit_mle`.
      source: the truth p: a family's instance, a mixture, points from `quadrature` or `monte_carlo`, a vector of
        probabilities [k] (of the values 0, ..., k − 1), or anything with `expect(f)`.
      fixed, optimizer, tol, max_steps, num_starts, key: as for `fit_mle`.

    Raises:
      TypeError: p knows no closed form for what the model needs; the message names `quadrature` and `monte_carlo`.

    >>> import xentjax as xj
    >>> xj.fit_kl(xj.Normal, xj.Gamma(4.0, 2.0)).model  # matches mean and variance
    Normal(loc=2, scale=1)

    See also: `minimize`, for the other direction KL(q‖p).
    """
    return _checked_fit("fit_kl", model, source, fixed, optimizer, tol, max_steps, num_starts, key)


def fit_map(
    model: Any,
    data: Any,
    log_prior: Callable[[Any], jax.Array],
    *,
    weights: Any = None,
    fixed: Collection[str] | Mapping[str, Any] | None = None,
    optimizer: optax.GradientTransformation | None = None,
    tol: float | None = None,
    max_steps: int = 10_000,
    num_starts: int = 1,
    key: jax.Array | None = None,
) -> Fit:
    """The maximum a posteriori, or penalised likelihood: argmax Σ wᵢ log q(xᵢ; θ) + log_prior(q_θ).

    A prior is one more term of the objective, and a penalty is a prior: the ridge λ |β|² / 2 is a normal prior of
    standard deviation 1/√λ on each coefficient. It has to be smooth. The density is that of the model's own
    parameters: no Jacobian of the coordinates that a fit moves in is added, so that the answer does not depend on them.

    The fields of the result describe the penalised fit, but `cross_entropy` and `log_likelihood` are without the prior.
    Standard errors are those of the normal approximation to the posterior; what supposes a maximum of the likelihood
    (sandwich, profiles, bootstrap, influence) refuses the fit.

    Args:
      log_prior: a function of the model that returns a log-density in nats, up to a constant; define it once at module
        level: a new lambda per call compiles anew.
      model, data, weights, fixed, optimizer, tol, max_steps, num_starts, key: as for `fit_mle`.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> def rate_is_about_one(q):
    ...     return xj.Gamma(3.0, 3.0).log_prob(q.rate)
    >>> fit = xj.fit_map(xj.Exponential, jnp.array([1.0, 2.0, 3.0, 2.0]), rate_is_about_one)
    >>> round(fit.model.rate.item(), 4)  # (4 + 3 - 1) / (8 + 3), the mode of the posterior gamma
    0.5455

    See also: sklearn's `LogisticRegression(C=1 / λ)`; Stan's `optimize(jacobian=FALSE)`.
    """
    if not callable(log_prior) or hasattr(log_prior, "log_prob"):
        raise TypeError(
            f"fit_map: found log_prior={log_prior!r}, but a function of the model is needed, as in "
            "lambda q: Gamma(2.0, 1.0).log_prob(q.rate)."
        )
    source = Empirical(data, weights)
    return _checked_fit("fit_map", model, source, fixed, optimizer, tol, max_steps, num_starts, key, log_prior)


def fit(
    model: Any,
    source: Any,
    *,
    fixed: Collection[str] | Mapping[str, Any] | None = None,
    optimizer: optax.GradientTransformation | None = None,
    tol: float | None = None,
    max_steps: int = 10_000,
    num_starts: int = 1,
    key: jax.Array | None = None,
) -> Fit:
    """argmin H(source, q_θ) over the parameters of a model: what `fit_mle` and `fit_kl` are cases of. See there."""
    return _checked_fit("fit", model, source, fixed, optimizer, tol, max_steps, num_starts, key)


def _checked_fit(
    caller: str,
    model: Any,
    source: Any,
    fixed: Any,
    optimizer: Any,
    tol: float | None,
    max_steps: int,
    num_starts: int,
    key: Any,
    log_prior: Any = None,
) -> Fit:
    source = admission.admit(caller, model, source, fixed, optimizer, tol, max_steps)
    check_starts(caller, num_starts, key)

    def run_from(start: Any, fixed: Any) -> tuple[Fit, Ending]:
        held = dict(fixed) if isinstance(fixed, Mapping) else {}
        names = tuple(sorted(fixed or ()))
        made_for, values = split(start) if is_open(start) else (None, start)
        return _fit(made_for, values, source, held, names, optimizer, num_starts, log_prior, tol, max_steps, key)

    try:
        result, end = run_from(model, fixed)
        # most fits end here; an open combination may have parts that start from values, which are checked below
        if is_plain(end) and (inspect.isclass(model) or not is_open(model)):
            return result
        result = with_cause(result, end)
        if admission.is_refused(result) or is_open(model):
            admission.check_inside(caller, model, fixed)
        if admission.is_lost(model, result):  # far from all data: the class knows a better start
            other = with_cause(*run_from(type(model), _held(model, fixed)))
            result = result if admission.is_lost(model, other) else other
    except NotImplementedError as error:
        # JAX has no type of its own for a derivative that it lacks, as that of gammainc in its first argument
        if "ifferentiation rule" not in str(error):
            raise
        name = model.__name__ if isinstance(model, type) else type(model).__name__
        raise TypeError(
            f"{caller}: found that JAX cannot differentiate the log-density of the {name} ({error}), "
            "but two derivatives in the parameters are needed; take a distribution whose formulas have them, as those "
            "of xentjax do."
        ) from error
    explain(caller, model, source, result)
    return result


def _held(model: Any, fixed: Any) -> dict[str, Any]:
    """The values at which parameters are held, by name; those of the instance where only names are given."""
    return {name: fixed[name] if isinstance(fixed, Mapping) else getattr(model, name) for name in fixed or ()}


@functools.partial(jax.jit, static_argnums=(0, 4, 5, 6, 7))
def _fit(
    made_for: Any,
    values: Any,
    source: Any,
    held: dict,
    names: tuple,
    optimizer: Any,
    num_starts: int,
    log_prior: Any,
    tol: Any,
    max_steps: Any,
    key: Any,
) -> tuple[Fit, Ending]:
    given, source = source, source.counted() if isinstance(source, Empirical) else source
    # neither the start nor the way to the minimum is differentiated, only the minimum: see `minimum_of`
    still = jax.lax.stop_gradient
    model = values if made_for is None else joined(made_for, values).start(still(source))
    check_names("fit", model, names)
    if hasattr(model, "check_held"):
        model.check_held(names)
    # a start from data may lie at an end of its support with them; one that is given is asked in its own precision
    begins = jnp.asarray(True) if made_for is not None else inside(model, held)
    model, exact = _settle(model, source, held, names)
    never_fitted = (leaf.name for leaf in named_leaves(model) if leaf.is_parameter and leaf.support.free is None)
    names = tuple(sorted({*names, *never_fitted, *getattr(model, "edges", ())}))

    def objective(arguments: tuple) -> Callable:
        model, source = arguments
        constrain = unconstrain(model, names)[1]
        plain = cross_entropy_objective(constrain, model, source)
        return plain if log_prior is None else Penalized(plain, lambda free: log_prior(constrain(free)), source.total)

    if log_prior is not None and set(getattr(model, "edges", ())) - {*held}:
        raise TypeError(
            f"fit_map: found {type(model).__name__}, whose {', '.join(model.edges)} a fit takes from single "
            "observations whatever the prior, but parameters that it can move are needed; hold them with "
            "fixed={name: value}."
        )
    free, _ = unconstrain(still(model), names)
    _, unravel = ravel_pytree(free)
    # with a parameter held, equal observations may have a maximum
    degenerate = admission.constant(
        model, source, 0 if names or log_prior else sum(leaf.size for leaf in free.values())
    )
    if free:
        degenerate = degenerate | admission.without_scatter(still(model), source)
    loop, agreed = objective(still((model, source))), None
    if num_starts == 1:
        best, status, steps, settled = run(loop, free, optimizer, tol, max_steps)
    else:
        found = run_from_several(loop, free, key, num_starts, optimizer, tol, max_steps)
        best, status, steps, settled, agreed = found
    minimum = best.point, best.value, best.hessian
    point, value, curvature = minimum_of(objective, unravel, *minimum, (model, source))
    found = unconstrain(model, names)[1](unravel(point))
    found = _with_kinks(found, model, source, names) if log_prior is None else found
    end = ending(still(found), free, best, status, settled, gap_tolerance(tol, best.value.dtype))
    degenerate = degenerate | ~(begins & may_be(model, held))
    covered, acceptable = admission.covered(model, source), admission.acceptable(model, given)
    status = select(degenerate, Status.BAD_START, status)
    status = select(covered, status, Status.BAD_DATA if isinstance(source, Empirical) else Status.BAD_START)
    status = select(acceptable, status, Status.BAD_DATA)
    end = dataclasses.replace(end, plain=end.plain & ~degenerate & covered & acceptable)
    if log_prior is not None:
        value = value + log_prior(found) / source.total.astype(value.dtype)
    total = source.total if isinstance(source, Empirical) and source.drawn else None
    ends, going = tuple(name for name in names if name in exact), jnp.zeros(point.shape, jnp.int8)
    outcome = status, steps, curvature, total, going, agreed
    return Fit(found, value, best.gap, *outcome, names, ends, num_starts, log_prior), end


def _with_kinks(found: Any, model: Any, source: Any, names: tuple) -> Any:
    """The model with the derivatives of the order statistics at which its likelihood has kinks, as a median."""
    exact = model.order_statistics(source) if hasattr(model, "order_statistics") else {}
    moved = {name: value - jax.lax.stop_gradient(value) for name, value in exact.items() if name not in names}
    leaves = [leaf.value + moved[leaf.name] if leaf.name in moved else leaf.value for leaf in named_leaves(found)]
    return replace_leaves(found, leaves) if moved else found


def _settle(model: Any, source: Any, held: dict, names: tuple) -> tuple[Any, tuple[str, ...]]:
    """The model with the held values, and those that single observations give, in place; and the names of the latter.

    All in the precision of the data.
    """
    leaves = named_leaves(model)
    values = [leaf.value for leaf in leaves]
    floats = [a for a in jax.tree.leaves(source) if jnp.issubdtype(jnp.result_type(a), jnp.floating)]
    parameters = [leaf.value for leaf in leaves if leaf.is_parameter]
    dtype = jnp.result_type(*(a.dtype for a in floats)) if floats else jnp.result_type(float, *parameters)
    exact = model.order_statistics(source) if hasattr(model, "order_statistics") else {}
    exact = {name: value for name, value in exact.items() if name not in names}
    given = exact | held
    for i, leaf in enumerate(leaves):
        if leaf.is_parameter:
            values[i] = jnp.asarray(leaf.value, dtype)
        if leaf.name in given:
            values[i] = _in_place(leaf, jnp.asarray(given[leaf.name], dtype))
    return replace_leaves(model, values), tuple(exact)


def _in_place(leaf: NamedLeaf, value: jax.Array) -> jax.Array:
    """A value that is held, in the shape of the parameter."""
    needed = jnp.shape(leaf.value)
    try:
        return jnp.broadcast_to(value, needed)
    except ValueError:
        raise ValueError(
            f"fit: found fixed={{{leaf.name!r}: ...}} of shape {value.shape}, but {needed} is needed, the shape of the "
            "parameter; give one value for each of its numbers, or one for all."
        ) from None
