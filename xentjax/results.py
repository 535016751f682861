"""What a fit returns."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

from xentjax.minimization import ADVICE, Status
from xentjax.parameters import named_leaves, replace_leaves, unconstrain
from xentjax.records import record, static


@record
class Fit:
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
      fixed: names of the parameters that were held.
    """

    model: Any
    cross_entropy: Array
    gap: Array
    status: Array
    steps: Array
    curvature: Any
    observations: Any
    fixed: tuple[str, ...] = static(())

    @property
    def converged(self) -> Array:
        """Whether the gap is within the tolerance, at finite parameters inside their supports."""
        return self.status == Status.CONVERGED

    @property
    def log_likelihood(self) -> Array:
        """Σ wᵢ log q(xᵢ), in nats.

        Raises:
          ValueError: the source was not data.
        """
        return -self.cross_entropy * self._observations("log_likelihood").astype(self.cross_entropy.dtype)

    def standard_errors(self) -> Any:
        """Standard errors from the observed information, in the shape of the model; 0 for held parameters.

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
        errors = _standard_errors
        for _ in range(jnp.ndim(self.status)):  # a batch of fits
            errors = jax.vmap(errors)
        return errors(self, total)

    def check(self) -> "Fit":
        """This fit, if it (or every lane of it) converged.

        Raises:
          RuntimeError: with the status, the gap and advice.
        """
        status = np.atleast_1d(np.asarray(self.status))
        failed = np.flatnonzero(status != Status.CONVERGED)
        if failed.size:
            first = failed[0]
            gap = np.atleast_1d(np.asarray(self.gap))[first]
            where = "" if status.size == 1 else f" in {failed.size} of {status.size} lanes, first in lane {first}"
            code = Status(int(status[first]))
            raise RuntimeError(
                f"Fit.check: found the status {code.name}{where}, with a gap of {gap:.3g} nats per observation, "
                f"but CONVERGED is needed; {ADVICE[code]}."
            )
        return self

    def _observations(self, name: str) -> Array:
        if self.observations is None:
            raise ValueError(
                f"{name}: found a fit to a known distribution, but a number of observations is needed; "
                "fit to data with fit_mle, or use cross_entropy and curvature, which are per observation."
            )
        return self.observations

    def __repr__(self) -> str:
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(self)):
            return f"Fit(model={self.model!r}, traced)"
        return _batch_text(self) if jnp.ndim(self.status) else _text(self)


@jax.jit
def _standard_errors(fit: Fit, total: Array) -> Any:
    free, constrain = unconstrain(fit.model, fit.fixed)
    point, unravel = ravel_pytree(free)
    unit = jnp.sqrt(jnp.abs(jnp.diagonal(fit.curvature)))
    point = point.astype(fit.curvature.dtype)  # with no free parameter its type is the default
    covariance = jnp.linalg.inv(fit.curvature / jnp.outer(unit, unit)) / total.astype(point.dtype)

    def error(slopes: Array) -> Array:
        scaled = slopes / jnp.broadcast_to(unit, slopes.shape)
        return jnp.sqrt(jnp.sum((scaled @ covariance) * scaled, -1))

    def parameters(point: Array) -> dict:
        leaves = enumerate(named_leaves(constrain(unravel(point))))
        return {i: leaf.value for i, leaf in leaves if leaf.is_parameter}

    slopes = jax.jacfwd(parameters)(point)
    leaves = named_leaves(fit.model)
    return replace_leaves(fit.model, [error(slopes[i]) if i in slopes else leaf.value for i, leaf in enumerate(leaves)])


def _name(model: Any) -> str:
    return type(model).__name__


def _text(fit: Fit) -> str:
    of = "a known distribution" if fit.observations is None else f"{float(fit.observations):.10g} observations"
    code = Status(int(fit.status))
    lines = [f"Fit of {_name(fit.model)} to {of}: {ADVICE[code]}"]
    estimates = [leaf for leaf in named_leaves(fit.model) if leaf.is_parameter]
    with_errors = fit.observations is not None and fit.curvature is not None and code == Status.CONVERGED
    errors = [leaf for leaf in named_leaves(fit.standard_errors()) if leaf.is_parameter] if with_errors else estimates
    rows = []
    for estimate, error in zip(estimates, errors, strict=True):
        for index in np.ndindex(np.shape(estimate.value)):
            name = estimate.name + (f"[{', '.join(map(str, index))}]" if index else "")
            held = _held(fit, estimate) or f" ± {np.asarray(error.value)[index]:.3g}"
            rows.append((name, f"{np.asarray(estimate.value)[index]:.6g}", held if with_errors or "(" in held else ""))
    shown = rows[:24]
    width, digits = (max((len(row[k]) for row in shown), default=0) for k in (0, 1))
    lines += [f"  {name:<{width}}  {value:<{digits}}{error}" for name, value, error in shown]
    lines += [f"  ... and {len(rows) - 24} more"] if len(rows) > 24 else []
    entropy, gap = float(fit.cross_entropy), float(fit.gap)
    lines.append(f"  cross-entropy  {entropy:.6g} nats per observation, about {gap:.1e} above the minimum")
    return "\n".join(lines)


def _held(fit: Fit, leaf: Any) -> str:
    if leaf.name in getattr(fit.model, "edges", ()):
        return " (an extreme of the data)"
    return " (held)" if leaf.name in fit.fixed or leaf.support.free is None else ""


def _batch_text(fit: Fit) -> str:
    status = np.asarray(fit.status).ravel()
    lines = [f"{status.size} fits of {_name(fit.model)}"]
    lines += [f"  {np.sum(status == code)}: {ADVICE[Status(int(code))]}" for code in np.unique(status)]
    return "\n".join(lines)
