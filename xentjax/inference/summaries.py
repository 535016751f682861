"""Reports for people: a fit with its errors, and several fits side by side. They hold numbers, not arrays of JAX."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from xentjax.inference.covariance import Covariance, covariance_or_observed
from xentjax.inference.criteria import aic, bic, num_parameters
from xentjax.inference.intervals import wald_interval
from xentjax.inference.natural_scale import moved
from xentjax.inference.observations import check_likelihood, check_single, known
from xentjax.inference.tables import html_table, text_table
from xentjax.parameters import NamedLeaf, entry_name, named_leaves
from xentjax.results import in_digits
from xentjax.statuses import ADVICE, Status


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Summary:
    """What a fit found, a row for each number among the parameters.

    Attributes:
      title: the model, the number of observations, and how the fit ended, in words.
      parameter: names.
      estimate, standard_error: on the natural scale; the standard error is 0 of what was held, and NaN of what the data
        do not determine, or single observations gave.
      remark: "held"; "none" of what single observations gave, as an end of the support or a corner of a likelihood with
        kinks; otherwise "".
      z, p_value: of the hypothesis that the number is 0, two-sided; NaN where its support does not hold 0 inside, or
        it was not estimated by its likelihood.
      low, high: the ends of the interval of `wald_interval`.
      level: the probability of the intervals.
      log_likelihood, aic, bic, observations: of the whole fit; AIC and BIC are NaN, and not shown, of a fit with a
        prior, as they suppose a maximum of the likelihood.
    """

    title: str
    parameter: np.ndarray
    estimate: np.ndarray
    standard_error: np.ndarray
    remark: np.ndarray
    z: np.ndarray
    p_value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: float
    log_likelihood: float
    aic: float
    bic: float
    observations: float

    def to_dict(self) -> dict[str, np.ndarray]:
        """The columns, all of one length: `pandas.DataFrame(summary.to_dict())`."""
        names = ("parameter", "estimate", "standard_error", "z", "p_value", "low", "high")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return "\n".join([self.title, *("  " + line for line in text_table(self._columns())), *self._notes()])

    def _repr_html_(self) -> str:
        return html_table(self._columns(), self.title, [note.strip() for note in self._notes()])

    def _columns(self) -> dict[str, list[str]]:
        pairs = list(zip(self.estimate, self.standard_error, self.remark, strict=True))
        interval = f"{100 * self.level:g}% interval"
        columns = {
            "": list(self.parameter),
            "estimate": [in_digits(estimate, error) for estimate, error, _ in pairs],
            "std. error": [word or f"{error:.3g}" for _, error, word in pairs],
            "z": _blank(self.z, ".3g"),
            "p": _blank(self.p_value, ".2g"),
            interval: [
                "" if word else f"{in_digits(low, error, 5)} to {in_digits(high, error, 5)}"
                for (_, error, word), low, high in zip(pairs, self.low, self.high, strict=True)
            ],
        }
        # no z and p where nothing can be 0
        return {name: cells for name, cells in columns.items() if any(cells)}

    def _notes(self) -> list[str]:
        criteria = "" if np.isnan(self.aic) else f", AIC {self.aic:.8g}, BIC {self.bic:.8g}"
        return [f"  log-likelihood {self.log_likelihood:.8g}{criteria}"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Fits to the same data, the best AIC first.

    Attributes:
      name, parameters, log_likelihood, aic: of each fit.
      delta: AIC minus the best.
      weight: exp(−delta / 2), made to sum to 1 (Akaike weights).
      converged: of each fit; the AIC of one that did not converge is too high.
    """

    name: np.ndarray
    parameters: np.ndarray
    log_likelihood: np.ndarray
    aic: np.ndarray
    delta: np.ndarray
    weight: np.ndarray
    converged: np.ndarray
    observations: float

    def to_dict(self) -> dict[str, np.ndarray]:
        """The columns, all of one length: `pandas.DataFrame(comparison.to_dict())`."""
        names = ("name", "parameters", "log_likelihood", "aic", "delta", "weight", "converged")
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        return "\n".join([self._title(), *("  " + line for line in text_table(self._columns())), *self._notes()])

    def _repr_html_(self) -> str:
        return html_table(self._columns(), self._title(), [note.strip() for note in self._notes()])

    def _title(self) -> str:
        return f"{len(self.name)} models of {self.observations:.10g} observations"

    def _columns(self) -> dict[str, list[str]]:
        return {
            "": list(self.name),
            "parameters": [str(count) for count in self.parameters],
            "log-likelihood": [f"{value:.8g}" for value in self.log_likelihood],
            "AIC": [f"{value:.8g}" for value in self.aic],
            "ΔAIC": [f"{value:.2f}" for value in self.delta],
            "weight": [f"{value:.3f}" for value in self.weight],
        }

    def _notes(self) -> list[str]:
        failed = self.name[~self.converged]
        return [f"  not converged: {', '.join(failed)}"] if failed.size else []


def summary(fit: Any, covariance: Covariance | None = None, level: float = 0.95) -> Summary:
    """A fit as a table: estimates, standard errors, z, p and intervals; log-likelihood, AIC, BIC, and how it ended.

    Args:
      fit: a fit to data, outside jit.
      covariance: of this fit; None is the observed one. It makes errors, z, p and intervals.
      level: the probability of the intervals.

    Returns:
      A `Summary`, which prints as text, shows as HTML in a notebook, and gives columns by `to_dict()`.

    Raises:
      TypeError, ValueError: as `wald_interval`; a fit that is being traced.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Normal, jnp.array([1.0, 2.0, 3.0, 4.0]))
    >>> xj.inference.summary(fit)
    Normal fitted to 4 observations: converged
             estimate  std. error     z        p       95% interval
      loc         2.5       0.559  4.47  7.7e-06   1.4043 to 3.5957
      scale   1.11803       0.395                 0.55913 to 2.2356
      log-likelihood -6.122..., AIC 16.244..., BIC 15.016...

    See also: R's `summary`; statsmodels' `summary()`.
    """
    covariance = covariance_or_observed("summary", fit, covariance)
    check_outside_jit("summary", fit, covariance)
    low, high = wald_interval(fit, covariance, level)
    columns: dict[str, Any] = _rows(
        fit, [named_leaves(tree) for tree in (fit.model, covariance.standard_errors(), low, high)]
    )
    count = float(fit.observations)
    observations = f"{count:.10g} observation{'s' * (count != 1)}"
    plain = fit.log_prior is None
    how = "fitted" if plain else "fitted, with a prior,"
    title = f"{type(fit.model).__name__} {how} to {observations}: {ADVICE[Status(int(fit.status))]}"
    return Summary(
        title=title,
        **columns,
        level=level,
        log_likelihood=float(fit.log_likelihood),
        aic=float(aic(fit)) if plain else np.nan,
        bic=float(bic(fit)) if plain else np.nan,
        observations=count,
    )


def compare(fits: Mapping[str, Any]) -> Comparison:
    """Fits to the same data by their AIC, the best first, with Akaike weights exp(−ΔAIC / 2), which sum to 1.

    Args:
      fits: {name: fit}, outside jit.

    Raises:
      TypeError: no mapping of names to fits.
      ValueError: no fits, fits to different numbers of observations, or to no data; a fit that is being traced.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([0.8, 1.5, 2.0, 3.1, 0.6])
    >>> xj.inference.compare({q.__name__: xj.fit_mle(q, x) for q in (xj.Exponential, xj.Gamma)})
    2 models of 5 observations
                   parameters  log-likelihood        AIC  ΔAIC  weight
      Gamma                 2       -6.0...  16.0...  0.00   0.5...
      Exponential           1       -7.3...  16.7...  0.6...   0.4...

    See also: R's `AIC(a, b)` and `bbmle::AICtab`.

    Reference: Burnham & Anderson (2002), Model selection and multimodel inference.
    """
    if not isinstance(fits, Mapping) or not fits:
        raise TypeError(
            f"compare: found {'an empty mapping' if isinstance(fits, Mapping) else type(fits).__name__}, but fits by "
            "name are needed; write compare({'gamma': fit_mle(Gamma, x), ...})."
        )
    for fit in fits.values():
        check_single("compare", fit)
        check_likelihood("compare", fit)
        check_outside_jit("compare", fit)
    counts = {name: float(fit._observations("compare")) for name, fit in fits.items()}
    (first, count), *others = counts.items()
    for name, other in others:
        if abs(other - count) > 1e-4 * count:
            raise ValueError(
                f"compare: found {count:g} observations in {first!r} and {other:g} in {name!r}, but the same data are "
                "needed; fit all models to the same observations and weights."
            )
    return _comparison(fits, count)


def _comparison(fits: Mapping[str, Any], count: float) -> Comparison:
    values = np.array([float(aic(fit)) for fit in fits.values()])
    # a NaN goes last
    order = np.argsort(values)
    delta = values - np.nanmin(values) if not np.isnan(values).all() else values
    weight = np.exp(-0.5 * delta)
    columns: dict[str, Any] = {
        "name": np.array(list(fits)),
        "parameters": np.array([num_parameters(fit) for fit in fits.values()]),
        "log_likelihood": np.array([float(fit.log_likelihood) for fit in fits.values()]),
        "aic": values,
        "delta": delta,
        "weight": weight / np.nansum(weight),
        "converged": np.array([bool(fit.converged) for fit in fits.values()]),
    }
    return Comparison(**{name: column[order] for name, column in columns.items()}, observations=count)


def check_outside_jit(caller: str, *trees: Any) -> None:
    """An error for what is being traced: a table needs numbers."""
    if not known(*jax.tree.leaves(trees)):
        raise ValueError(
            f"{caller}: found a fit that is being traced, but numbers are needed for a table; return the fit from the "
            "function under jit or vmap and call it outside."
        )


def _rows(fit: Any, trees: list[list[NamedLeaf]]) -> dict[str, np.ndarray]:
    """The columns of a summary: an entry for each number among the parameters."""
    leaves = [group for group in zip(*trees, strict=True) if group[0].is_parameter]
    names = [entry_name(group[0].name, i) for group in leaves for i in np.ndindex(np.shape(group[0].value))]
    estimate, error, low, high = (
        np.concatenate([np.ravel(np.asarray(group[k].value, float)) for group in leaves]) for k in range(4)
    )
    tested = np.concatenate([np.full(np.size(group[0].value), _holds_zero(fit, group[0])) for group in leaves])
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(tested, estimate / error, np.nan)
    p = np.array([math.erfc(abs(value) / math.sqrt(2)) for value in z])
    held = np.concatenate([np.full(np.size(group[0].value), not moved(group[0], fit.fixed)) for group in leaves])
    ends = np.concatenate([np.full(np.size(group[0].value), group[0].name in fit.ends) for group in leaves])
    remark = np.where(ends, "none", np.where(held, "held", ""))
    row = {"parameter": np.array(names), "estimate": estimate, "standard_error": error, "remark": remark}
    return row | {"z": z, "p_value": p, "low": low, "high": high}


def _holds_zero(fit: Any, leaf: NamedLeaf) -> bool:
    """Whether it can be asked of each number of a free parameter whether it is 0."""
    return moved(leaf, fit.fixed) and leaf.support.ndim == 0 and bool(leaf.support.contains(jnp.zeros(())))


def _blank(values: np.ndarray, style: str) -> list[str]:
    return ["" if math.isnan(value) else format(value, style) for value in values]
