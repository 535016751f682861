"""Linear predictors: what a parameter of a distribution owes to covariates."""

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.models.links import Link, log
from xentjax.models.quantiles import quantile_coefficients
from xentjax.models.starts import FromData
from xentjax.records import aside, record, static, unnamed
from xentjax.statistics import weighted_mean
from xentjax.supports import LOG_RATIO, REAL, Support

INTERCEPT = "intercept"


@record
class Linear:
    """A linear predictor: η = intercept + Σ coefficients[c] · x[c] (+ x[offset]).

    The covariates x are an array [k], all of whose entries count, or a dict of named columns, each a number or an array
    [k]; then coefficients carry these names. A parameter that is a vector of m free numbers, as logits are, has m
    predictors: coefficients are [m], or [m, k]. Of covariates [j, k], those of j alternatives, the predictor is a
    vector [j] with common coefficients [k] and no intercept: the conditional logit.

    Fits work on centred and scaled columns, so that neither units nor offsets cost digits, and report coefficients in
    the units of x.

    Args:
      columns: the names of the columns to use; none means all.
      intercept: whether a constant is added.
      offset: the name of a column that is added as it is, as a log-exposure.
      link: one of `xentjax.links`, or a `Link` of your own; None is that of the parameter's support.
      coefficients: {name: values} to start from; "x" names an array. By default the data give them: the intercept that
        of a fit without covariates, the others 0.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> eta = xj.Linear(["dose"], coefficients={"intercept": 1.0, "dose": 0.5})
    >>> eta({"dose": 4.0, "age": 30.0}).item()
    3.0

    See also: `Regression`; in R's formulas `y ~ a + b + offset(e)` is `Linear(["a", "b"], offset="e")`.
    """

    columns: tuple[str, ...] = static(())
    intercept: bool = static(True)
    offset: str | None = static(None)
    link: Link | None = static(None)
    coefficients: Any = unnamed(FromData)
    center: Any = aside(FromData)  # of the columns that a constant makes up for
    scale: Any = aside(FromData)
    support: Support = static(REAL)  # of the coefficients

    def __post_init__(self) -> None:
        if isinstance(self.columns, str) or not all(isinstance(name, str) for name in self.columns):
            raise TypeError(
                f"Linear: found columns={self.columns!r}, but a list of names is needed, as in Linear(['age', 'dose'])."
            )
        if not isinstance(self.intercept, bool):
            raise TypeError(
                f"Linear: found intercept={self.intercept!r}, but True or False is needed; a value to start from is "
                "coefficients={'intercept': value, ...}."
            )
        if self.link is not None and not isinstance(self.link, Link):
            raise TypeError(
                f"Linear: found link={self.link!r}, but a Link is needed: one of xentjax.links, as "
                "xentjax.links.probit, or Link(predictor, value), a function and its inverse."
            )
        if self.coefficients is not FromData and not isinstance(self.coefficients, dict):
            raise TypeError(
                f"Linear: found coefficients={self.coefficients!r}, but a dict by column is needed, as in "
                "coefficients={'intercept': 0.0, 'dose': 1.0}; the name of an array of covariates is 'x'."
            )
        object.__setattr__(self, "columns", tuple(self.columns))
        if isinstance(self.coefficients, dict):
            given = {name: as_float(value) for name, value in self.coefficients.items()}
            object.__setattr__(self, "coefficients", given)

    @property
    def supports(self) -> dict[str, Support]:
        """Where the coefficients lie, by name."""
        return dict.fromkeys(self.coefficients, self.support) if isinstance(self.coefficients, dict) else {}

    def __call__(self, x: Any) -> Array:
        """η at the covariates x of one observation."""
        if self.coefficients is FromData:
            raise ValueError(
                "Linear: found a predictor without coefficients, but values are needed; fit it, or give "
                "Linear(coefficients={'intercept': 0.0, 'x': [...]})."
            )
        eta = self._constant()
        for name, column in self._used(x).items():
            self._check_size(name, column)
            eta = eta + _product(column - self._center(name), self.coefficients[name])
        return eta if self.offset is None else eta + as_float(x[self.offset])

    def is_of_alternatives(self, x: Any) -> bool:
        """Whether the covariates of one observation are [j, k], those of j alternatives."""
        return any(column.ndim == 2 for column in self._used(x).values())

    def has_own_coefficients(self, x: Any) -> bool:
        """Whether each number of η has coefficients of its own, of the same columns."""
        shape = jnp.shape(self(x))
        own = {name: (*shape, *column.shape) for name, column in self._used(x).items()} | {INTERCEPT: shape}
        return all(jnp.shape(value) == own[name] for name, value in self.coefficients.items())

    def _center(self, name: str) -> Any:
        return self.center[name] if isinstance(self.center, dict) else jnp.zeros(())

    def _constant(self) -> Array:
        """η where each column is at its centre."""
        if not self.intercept:
            return jnp.zeros(())
        constant = self.coefficients[INTERCEPT]
        if not isinstance(self.center, dict):  # 0 in the shape of no column
            return constant
        return constant + sum(_product(self.center[c], b) for c, b in self.coefficients.items() if c != INTERCEPT)

    def _used(self, x: Any) -> dict[str, Array]:
        """The covariates that count, by name."""
        if not isinstance(x, dict):
            if self.columns or self.offset is not None:
                used = [*self.columns, *([self.offset] if self.offset else [])]
                raise ValueError(
                    f"Linear: found covariates without names for the columns {', '.join(used)}, but a dict of columns "
                    "is needed, as in fit_mle(model, ({'age': age, 'dose': dose}, y))."
                )
            if isinstance(self.coefficients, dict) and set(self.coefficients) - {"x", INTERCEPT}:
                own = [name for name in self.coefficients if name != INTERCEPT]
                raise ValueError(
                    f"Linear: found covariates without names for coefficients of {', '.join(own)}, but a dict of "
                    f"columns is needed, as in model.at({{{own[0]!r}: 1.0, ...}})."
                )
            return {"x": as_float(x)}
        if not all(isinstance(name, str) for name in x):
            raise TypeError(
                f"Linear: found columns with the names {', '.join(map(repr, x))}, but names are strings; write for "
                "example {str(name): column for name, column in x.items()}."
            )
        names = self.columns
        if not names and isinstance(self.coefficients, dict):  # all columns means those of the fit
            names = tuple(name for name in self.coefficients if name != INTERCEPT)
        elif not names:
            names = tuple(name for name in x if name != self.offset)
        missing = [name for name in (*names, self.offset) if name is not None and name not in x]
        if missing:
            raise ValueError(
                f"Linear: found no column {missing[0]!r} among {', '.join(x)}, but each column that is used is needed; "
                "correct the name, or add the column."
            )
        if INTERCEPT in names:
            raise ValueError(
                "Linear: found a column of the name 'intercept', but that is the name of the constant; rename the "
                "column, or leave it out where it holds ones."
            )
        return {name: as_float(x[name]) for name in names}

    def reads(self, x: dict[str, Any]) -> set[str]:
        """The names of the columns that η depends on."""
        return {*self._used(x), *([] if self.offset is None else [self.offset])}

    def _check_size(self, name: str, column: Array) -> None:
        """An error for a column that has not as many entries as there are coefficients."""
        own = jnp.shape(self.coefficients[name])[-1:]
        if column.ndim and own != column.shape[-1:]:
            raise ValueError(
                f"Linear: found {column.shape[-1]} numbers in the column {name!r} for {own[0] if own else 1} "
                "coefficients, but as many are needed, those of one observation; for many jax.vmap(model.at)(xs)."
            )

    def start(self, x: Any, weights: Any, support: Support, value: Array) -> "Linear":
        """With what is still open: units from the covariates [n, ...], the intercept from the parameter's own value."""
        columns = self._used(x)
        found: dict[str, Any] = {}
        if self.intercept and any(column.ndim > 2 for column in columns.values()):
            raise ValueError(
                "Linear: found covariates of alternatives [n, j, k] with an intercept, which all alternatives would "
                "share, so that nothing determines it; write Linear(intercept=False)."
            )
        if self.center is FromData:
            center = {name: weighted_mean(column, weights) for name, column in columns.items()}
            found["center"] = center if self.intercept else jax.tree.map(jnp.zeros_like, center)
            found["scale"] = {name: _scale(column, found["center"][name], weights) for name, column in columns.items()}
        if self.coefficients is FromData:
            base = support.free(value) if self.link is None else self.link.predictor(value)  # type: ignore[misc]
            coefficients = {name: _zeros(column, jnp.asarray(base)) for name, column in columns.items()}
            shift = 0.0 if self.offset is None else weighted_mean(as_float(x[self.offset]), weights)
            found["coefficients"] = coefficients | ({INTERCEPT: base - shift} if self.intercept else {})
        known, needed = (
            found.get("coefficients", self.coefficients),
            {*columns, *([INTERCEPT] if self.intercept else [])},
        )
        if set(known) != needed:
            raise ValueError(
                f"Linear: found coefficients of {', '.join(sorted(known)) or 'nothing'}, but those of "
                f"{', '.join(sorted(needed))} are needed; give each a value to start from, or none at all."
            )
        # without units where they move a logarithm
        moves = support.relative if self.link is None else self.link == log or self.link.logit is not None
        return dataclasses.replace(self, support=LOG_RATIO if moves else REAL, **found)

    def quantile(self, x: Any, y: Array, weights: Any, level: Array) -> "Linear":
        """With the coefficients of the quantile of that level of y [n], given the covariates [n, ...]."""
        used = self._used(x).items()
        columns = {name: (c - self._center(name)[None]) / self.scale[name][None] for name, c in used}
        columns[INTERCEPT] = jnp.ones_like(y)
        design = [columns[name].astype(y.dtype).reshape(y.shape[0], -1) for name in self.coefficients]
        rest = y if self.offset is None else y - as_float(x[self.offset])
        own = jnp.ones_like(y) if weights is None else weights.astype(y.dtype)
        found = quantile_coefficients(jnp.concatenate(design, 1), rest, own, level.astype(y.dtype))
        ends = np.cumsum([part.shape[1] for part in design])[:-1]
        parts = zip(self.coefficients.items(), jnp.split(found, ends), strict=True)
        coefficients = {name: part.reshape(jnp.shape(value)) for (name, value), part in parts}
        return dataclasses.replace(self, coefficients=coefficients).from_coordinates(())

    def to_coordinates(self, held: Collection[str]) -> "Linear":
        """With coefficients of the centred and scaled columns in place of those of the columns."""
        return self._moved(held, 1)

    def from_coordinates(self, held: Collection[str]) -> "Linear":
        """The inverse of `to_coordinates`."""
        return self._moved(held, -1)

    def uncentred(self, held: Collection[str]) -> "Linear":
        """As `to_coordinates`, but with the constant as it is."""
        return self._moved({*held, INTERCEPT}, 1)

    def in_own_units(self) -> "Linear":
        """With coefficients that are their own coordinates."""
        return dataclasses.replace(self, center=None, scale=None)

    def _moved(self, held: Collection[str], sign: int) -> "Linear":
        if not isinstance(self.scale, dict) or self.coefficients is FromData:
            return self
        own = {name: value for name, value in self.coefficients.items() if name != INTERCEPT}
        other = {name: value * jnp.broadcast_to(self.scale[name] ** sign, value.shape) for name, value in own.items()}
        if self.intercept:
            natural = own if sign > 0 else other
            # a constant that is held stays what it is
            centers = {} if INTERCEPT in held else self.center
            shift = sum(_product(centers[name], natural[name]) for name in natural if name in centers)
            other[INTERCEPT] = self.coefficients[INTERCEPT] + sign * shift
        return dataclasses.replace(self, coefficients={name: other[name] for name in self.coefficients})


def _product(column: Array, coefficients: Array) -> Array:
    """column · coefficients: of a number, of a vector [k], or of alternatives [j, k]."""
    if jnp.ndim(column) == 0:
        return column * coefficients
    return column @ coefficients if jnp.ndim(column) == 2 else coefficients @ column


def _zeros(column: Array, base: Array) -> Array:
    """Coefficients 0 of a column [n], [n, k] or [n, j, k]."""
    shape = column.shape[-1:] if column.ndim > 2 else (*base.shape, *column.shape[1:])
    return jnp.zeros(shape, base.dtype)


def _scale(column: Array, center: Array, weights: Any) -> Array:
    """The size of a column about its centre, to a power of 2, so that the division by it is exact."""
    size = jnp.sqrt(weighted_mean((column - center[None]) ** 2, weights))
    size = jnp.sqrt(jnp.mean(size**2, 0)) if column.ndim > 2 else size
    # what is left of a constant about its mean is rounding
    middle = jnp.abs(center) if column.ndim <= 2 else jnp.max(jnp.abs(center), 0)
    constant = size <= 64 * jnp.finfo(size.dtype).eps * middle
    usable = ~constant & (size > 0) & jnp.isfinite(size)
    return jnp.exp2(jnp.round(jnp.log2(select(usable, size, 1.0))))


@record
class Network:
    """A predictor from a network: η = apply(params, x), in the unconstrained coordinates of the parameter it predicts.

    These are its logarithm for a positive parameter, its logit for a probability, and k − 1 numbers for the logits of k
    categories, the last of which is 0; the value has that shape at the covariates of one observation.

    Args:
      params: the network's weights, a pytree of arrays.
      apply: a function of them and of the covariates of one observation; define it once, as a new lambda compiles anew.

    With Flax it is `Network(variables, module.apply)`, with Equinox, whose modules hold functions among the arrays,
    `params, rest = equinox.partition(module, equinox.is_array)` and a function that calls `equinox.combine(params,
    rest)`.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> def line(params, x):
    ...     return params["slope"] * x
    >>> fit = xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Network({"slope": 0.0}, line)), ([0.0, 1.0], [1.0, 2.0]))
    >>> round(fit.model.predictors["rate"].params["slope"].item(), 4)  # log 2
    0.6931

    See also: `Linear`; `Built`, for a network that returns a distribution object.
    """

    params: Any = unnamed()
    apply: Callable[[Any, Any], Array] = static()

    def __call__(self, x: Any) -> Array:
        """η at the covariates x of one observation."""
        return self.apply(self.params, x)
