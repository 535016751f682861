"""What a fit and a minimisation return, and how it ended."""

import abc
import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, Self, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._select import select
from xentjax.diagnosis import Ending, diagnose, in_words
from xentjax.parameters import entry_name, named_leaves
from xentjax.records import record, static
from xentjax.statuses import ADVICE, Status


class _Outcome:
    """What a fit and a minimum have in common: a status with a gap, and how they are written."""

    status: Array
    gap: Array
    going: Array
    fixed: tuple[str, ...]
    _unit = ""

    @property
    def converged(self) -> Array:
        """Whether the gap is within the tolerance, at finite parameters inside their supports."""
        return self.status == Status.CONVERGED

    def check(self) -> Self:
        """This result, if it (or every lane of it) converged.

        Raises:
          RuntimeError: with the status, the gap and advice.
          TypeError: inside `jit`, where nothing can be raised for a value.
        """
        if isinstance(self.status, jax.core.Tracer):
            name = type(self).__name__
            raise TypeError(
                f"{name}.check: found a {name} inside jit, vmap or grad, but one with values is needed; return it, and "
                f"check outside, or decide by {name.lower()}.converged."
            )
        status = np.atleast_1d(np.asarray(self.status))
        failed = np.flatnonzero(status != Status.CONVERGED)
        if failed.size:
            first = failed[0]
            gap = np.atleast_1d(np.asarray(self.gap))[first]
            others = f", the first of {failed.size} in {status.size} that did not converge"
            where = "" if status.size == 1 else f" in lane {first}{others}"
            code = Status(int(status[first]))
            lanes = jnp.ndim(self.status)
            model, going = jax.tree.map(
                lambda a: jnp.reshape(a, (status.size, *jnp.shape(a)[lanes:]))[first], (self._fitted(), self.going)
            )
            along = f" ({words})" if (words := in_words(model, self.fixed, code, np.asarray(going))) else ""
            raise RuntimeError(
                f"{type(self).__name__}.check: found the status {code.name}{along}{where}, with a gap of {gap:.3g}"
                f"{self._unit}, but CONVERGED is needed; {ADVICE[code]}."
            )
        return self

    def __repr__(self) -> str:
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(self)):
            return f"{type(self).__name__}(traced)"
        if jnp.ndim(self.status) == 0:
            code = Status(int(self.status))
            words = in_words(self._fitted(), self.fixed, code, np.asarray(self.going))
            along = "among" if code == Status.FLAT else "along"
            return self._text(ADVICE[code] + (f"\n  {along} {words}" if words else ""))
        codes, counts = np.unique(np.asarray(self.status), return_counts=True)
        lines = [f"  {count}: {ADVICE[Status(int(code))]}" for code, count in zip(codes, counts, strict=True)]
        return "\n".join([f"{counts.sum()} {self._several()}", *lines])

    @abc.abstractmethod
    def _fitted(self) -> Any:
        """The model or the pytree of parameters."""

    @abc.abstractmethod
    def _several(self) -> str:
        """What several of these are called."""

    @abc.abstractmethod
    def _text(self, ending: str) -> str:
        """One result as a person reads it; `ending` says in words how it ended."""

    def _level(self, name: str, value: Array) -> str:
        return f"  {name}  {float(value):.6g}{self._unit}, about {float(self.gap):.1e} above the minimum"


Outcome = TypeVar("Outcome", bound=_Outcome)


# statuses to which a diagnosis would add nothing: there was no way from the start, or the data are refused
EXPLAINED = Status.BAD_START, Status.BAD_DATA, Status.DIVERGED


def is_plain(end: Ending) -> bool:
    """Whether an end is known to be a plain convergence; inside `jit` nothing is known yet."""
    # by way of NumPy: the bool of a JAX array takes four times as long, a fortieth of a small fit
    return not isinstance(end.plain, jax.core.Tracer) and bool(np.asarray(end.plain))


def with_cause(outcome: Outcome, end: Ending) -> Outcome:
    """A fit or a minimum with the cause of its end, which is looked for where that is neither plain nor `EXPLAINED`.

    Outside `jit` the diagnosis is thus a program of its own, which most fits in float64 neither compile nor run.
    """
    traced = isinstance(end.plain, jax.core.Tracer)
    if is_plain(end) or (not traced and int(outcome.status) in EXPLAINED):
        return outcome
    status, going = diagnose(end)
    as_it_is = end.plain | functools.reduce(jnp.logical_or, [outcome.status == status for status in EXPLAINED])
    status, going = select(as_it_is, outcome.status, status), select(as_it_is, outcome.going, going)
    return dataclasses.replace(outcome, status=status, going=going)  # type: ignore[type-var]


@record
class Minimum(_Outcome):
    """A point and what is known about it; all fields describe the same point.

    Attributes:
      params: the model or the pytree that was minimised over.
      value: the objective there.
      gap: ½ gᵀ H⁻¹ g, an estimate of value minus the minimum.
      status: a `Status`.
      steps: evaluations (Newton) or updates (other optimisers).
      hessian: the Hessian [m, m] in the unconstrained coordinates, or None past 64 of them.
      going: where the unconstrained coordinates [m] were going if no minimum lies inside: 1 up, −1 down, 0 nowhere;
        the coordinates that are not determined, if the status is FLAT.
      fixed: names of the parameters that were held.
    """

    params: Any
    value: Array
    gap: Array
    status: Array
    steps: Array
    hessian: Any
    going: Array
    fixed: tuple[str, ...] = static(())

    def _fitted(self) -> Any:
        return self.params

    def _several(self) -> str:
        return "minima"

    def _text(self, ending: str) -> str:
        lines = _lines(self.params)
        return "\n".join([f"Minimum: {ending}", *lines, self._level("value", self.value)])


@record
class Fit(_Outcome):
    """A fitted model and what is known about the fit. All fields describe the same parameters.

    A pytree: `jax.jit` and `jax.vmap` return it, batched with one status per lane.

    Attributes:
      model: the model with the fitted parameters.
      cross_entropy: H(source, model), nats per observation.
      gap: an estimate of how far that is above the minimum, nats per observation (the Newton decrement ½ gᵀH⁻¹g).
      status: how it ended, a `Status`.
      steps: evaluations (Newton) or updates (other optimisers).
      curvature: the Hessian [m, m] of the cross-entropy in the coordinates of `unconstrain(model, fixed)`, in the
        order of `jax.flatten_util.ravel_pytree`; None past 64 parameters.
      observations: their number or the sum of their weights; None when the source is not data.
      going: where the unconstrained coordinates [m] were going if no maximum lies inside: 1 up, −1 down, 0 nowhere;
        the coordinates that are not determined, if the status is FLAT.
      agreed: of several starts, how many ended as low as this one; None of a single one.
      fixed: names of the parameters that have no coordinate: those that were held, those that are never fitted, as a
        number of trials, and the ends.
      ends: those of them that single observations gave, as the ends of a support.
      num_starts: how many there were.
      log_prior: the other term of the objective of `fit_map`.
    """

    model: Any
    cross_entropy: Array
    gap: Array
    status: Array
    steps: Array
    curvature: Any
    observations: Any
    going: Array
    agreed: Any = None
    fixed: tuple[str, ...] = static(())
    ends: tuple[str, ...] = static(())
    num_starts: int = static(1)
    log_prior: Any = static(None)
    _unit = " nats per observation"

    @property
    def log_likelihood(self) -> Array:
        """Σ wᵢ log q(xᵢ), in nats.

        Raises:
          ValueError: the source was not data.
        """
        return -self.cross_entropy * self._observations("log_likelihood").astype(self.cross_entropy.dtype)

    def standard_errors(self) -> Any:
        """Standard errors from the observed information, in the shape of the model.

        0 for held parameters, and NaN for those that single observations gave (`ends`): of an extreme, or a corner of
        the likelihood, the curvature says nothing.

        The curvature of the cross-entropy at the fit, inverted, divided by the number of observations and carried to
        the natural parameters. They suppose that the model is right and the data independent.

        Raises:
          ValueError: the source was not data, or the model has more than 64 parameters.

        >>> import jax.numpy as jnp
        >>> import xentjax as xj
        >>> fit = xj.fit_mle(xj.Exponential, jnp.array([1.0, 2.0, 3.0, 2.0]))
        >>> fit.standard_errors()  # rate / √n
        Exponential(rate=0.25)
        """
        total = self._observations("standard_errors")
        if self.curvature is None:
            raise ValueError(
                "standard_errors: found more than 64 free parameters, for which no curvature matrix is kept; "
                "hold some of them with fixed=."
            )
        from xentjax.inference.covariance import errors_of_fit

        errors = errors_of_fit
        for _ in range(jnp.ndim(self.status)):  # a batch of fits
            errors = jax.vmap(errors)
        return errors(self, total)

    # Inference reads fits; these lead to what is asked for most, and import it when called.

    def covariance(self) -> Any:
        """The covariance of the estimates from the observed information; see `inference.observed_covariance`."""
        from xentjax.inference.covariance import observed_by

        return observed_by("covariance", self)

    def interval(self, level: float = 0.95) -> tuple[Any, Any]:
        """(low, high) in the shape of the model, from the observed information; see `inference.wald_interval`."""
        from xentjax.inference.intervals import wald_interval

        return wald_interval(self, level=level)

    def summary(self) -> Any:
        """The fit as a table with errors, intervals and criteria; see `inference.summary`."""
        from xentjax.inference.summaries import summary

        return summary(self)

    @property
    def aic(self) -> Array:
        """−2 log L + 2k; see `inference.aic`."""
        from xentjax.inference.criteria import aic

        return aic(self)

    @property
    def bic(self) -> Array:
        """−2 log L + k log n; see `inference.bic`."""
        from xentjax.inference.criteria import bic

        return bic(self)

    def _observations(self, name: str) -> Array:
        if self.observations is None:
            raise ValueError(
                f"{name}: found a fit to a known distribution, but a number of observations is needed; "
                "fit to data with fit_mle, or use cross_entropy and curvature, which are per observation."
            )
        return self.observations

    def _fitted(self) -> Any:
        return self.model

    def _several(self) -> str:
        return f"fits of {type(self.model).__name__}"

    def _text(self, ending: str) -> str:
        data = self.observations is not None
        count = f"{float(self.observations):.10g}" if data else ""
        of = f"{count} observation{'s' * (count != '1')}" if data else "a known distribution"
        with_errors = data and self.curvature is not None and bool(self.converged)
        errors = self.standard_errors() if with_errors else None

        def remark(name: str, error: float) -> str:
            if name in self.fixed:
                return " (from single observations)" if name in self.ends else " (held)"
            return f" ± {error:.3g}" if with_errors else ""

        heading = f"Fit of {type(self.model).__name__} to {of}: {ending}"
        lines = [heading, *_lines(self.model, errors, remark), self._level("cross-entropy", self.cross_entropy)]
        if self.agreed is not None:
            lines.append(f"  {int(self.agreed)} of {self.num_starts} starts ended there")
        return "\n".join(lines)


def in_digits(value: float, error: float, least: int = 6) -> str:
    """A number with so many digits, or more where two digits of its standard error need them."""
    digits = least
    if value and math.isfinite(value) and 0 < error < math.inf:
        digits = max(least, min(17, math.ceil(math.log10(abs(value)) - math.log10(error)) + 2))
    return f"{value:.{digits}g}"


def _lines(model: Any, errors: Any = None, remark: Callable[[str, float], str] = lambda *_: "") -> list[str]:
    """A line for each number among the parameters of a model: its path, its value, and a remark on it and its error."""
    rows = []
    leaves = named_leaves(model)
    for leaf, of_error in zip(leaves, leaves if errors is None else named_leaves(errors), strict=True):
        for index in np.ndindex(np.shape(leaf.value)) if leaf.is_parameter else ():
            error = 0.0 if errors is None else float(np.asarray(of_error.value)[index])
            value = in_digits(float(np.asarray(leaf.value)[index]), error)
            rows.append((entry_name(leaf.name, index), value, remark(leaf.name, error)))
    shown = rows[:24]
    width, digits = (max((len(row[i]) for row in shown), default=0) for i in (0, 1))
    lines = [f"  {name:<{width}}  {value:<{digits}}{remark}".rstrip() for name, value, remark in shown]
    return [*lines, f"  ... and {len(rows) - 24} more"] if len(rows) > 24 else lines
