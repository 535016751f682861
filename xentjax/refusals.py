"""Refusals: the error for what a fit said it could not use, with the entry at fault."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from xentjax.admission import between_ends, covered, good_points, support_of, without_scatter
from xentjax.parameters import may_be, named_leaves
from xentjax.results import Fit
from xentjax.sources import Empirical, check_weights, num_points
from xentjax.statuses import ADVICE, Status


def explain(caller: str, model: Any, source: Any, fit: Fit) -> None:
    """Outside jit, an error for data or a start that cannot be used, with the entry at fault."""
    if isinstance(fit.status, jax.core.Tracer) or jnp.ndim(fit.status) > 0:
        return
    status = int(fit.status)
    if status == Status.BAD_DATA:
        explain_data(caller, fit.model, source)
    if status == Status.BAD_START:
        held = tuple(name for name in fit.fixed if name not in fit.ends)
        _explain_start(caller, model, source, fit.model, held)


def explain_data(caller: str, model: Any, source: Empirical) -> None:
    check_weights(caller, source.weights)
    counted = np.full(num_points(source.data), True) if source.weights is None else np.asarray(source.weights) > 0
    good = np.asarray(good_points(model, source.data))
    if good[counted].all():
        good = np.asarray(between_ends(model, source.data))
    index = int(np.flatnonzero(~good & counted)[0])
    point = jax.tree.map(lambda leaf: np.asarray(leaf)[index], source.data)
    if any(np.isnan(leaf).any() for leaf in jax.tree.leaves(point)):
        needed, remedy = "numbers are needed", "drop the observation, or give it the weight 0"
    else:
        support = support_of(model)
        needed = f"{type(model).__name__} needs each observation to be {support}"
        if support is not None and hasattr(model, "contains") and support.contains(jnp.asarray(point)):
            needed = f"{model} excludes it"
        remedy = "correct or drop it, or choose a family with this support"
    raise ValueError(f"{caller}: found data[{index}] = {point}, but {needed}; {remedy}.")


def _explain_start(caller: str, model: Any, source: Any, start: Any, held: tuple[str, ...]) -> None:
    name = model.__name__ if inspect.isclass(model) else type(model).__name__
    for leaf in named_leaves(start):
        if leaf.name in held and not may_be(start, [leaf.name]):
            raise ValueError(
                f"{caller}: found fixed={{{leaf.name!r}: {np.asarray(leaf.value)}}}, but {leaf.support.name} is "
                "needed; change it."
            )
    if isinstance(source, Empirical) and support_of(model) is not None:
        counted = slice(None) if source.weights is None else np.asarray(source.weights) > 0
        data = np.asarray(source.data)[counted]
        size = float(np.max(np.abs(data), initial=0.0))
        if data.dtype == np.float32 and size and not 1e-18 < size < 1e18:
            raise ValueError(
                f"{caller}: found observations of a size of {size:.3g} in float32, but sizes whose squares it can "
                "hold, from 1e-18 to 1e18, are needed; divide by a constant, or use float64, "
                "jax.config.update('jax_enable_x64', True)."
            )
        if np.all(data == data[:1]):
            many = "a single observation" if len(data) == 1 else f"{len(data)} equal observations"
            # with one parameter, and for counts, only zeros have no maximum
            single = len(jax.tree.leaves(start)) == 1 or start.support.discrete
            needed = "data that are not all 0" if single and not data.any() else "data that differ"
            # a start that is not a number says nothing about the edge
            edge = "" if any(np.isnan(leaf).any() for leaf in jax.tree.leaves(start)) else f" inside, only at {start}"
            raise ValueError(
                f"{caller}: found {many}, {data[0]}, but {name} needs {needed}: its likelihood has no maximum{edge}; "
                "hold a parameter with fixed=, or gather more data."
            )
    if not isinstance(source, Empirical) and not covered(start, source):
        raise ValueError(
            f"{caller}: found a source, {source}, with values beyond the ends of {start}, so that the divergence is "
            "infinite, but a model that covers the source is needed; move its ends, or free the parameters that do."
        )
    if not isinstance(source, Empirical):
        raise ValueError(
            f"{caller}: found that the cross-entropy from {source} to {name} is not finite where the fit starts, but a "
            "finite one is needed; the tails of the source may be too heavy for every member of this family: choose "
            "one with such tails, or pass an instance with plausible starting values."
        )
    _explain_points(caller, name, source, start)
    if getattr(start, "edges", None) and hasattr(start, "passes_through"):
        if without_scatter(start, source):
            raise ValueError(
                f"{caller}: found a line through all {num_points(source.data)} observations, but {name} needs data "
                "that scatter about it: the likelihood grows without limit as the scale goes to 0; hold the scale "
                "with fixed=, drop columns, or gather more data."
            )
        raise ValueError(
            f"{caller}: found no corner of the likelihood of {name} that is provably the best, but columns of which "
            "none is a combination of others, and at least as many observations as coefficients, are needed; drop "
            "columns, or, in float32, use float64, jax.config.update('jax_enable_x64', True)."
        )
    raise ValueError(
        f"{caller}: found a cross-entropy, or derivatives of it, that are not finite at the start of {name}, but a "
        f"finite start is needed; {ADVICE[Status.BAD_START]}; pass an instance with plausible starting values."
    )


def _explain_points(caller: str, name: str, source: Empirical, start: Any) -> None:
    """An error for the first observation that the model excludes where it starts."""
    counted = np.full(num_points(source.data), True) if source.weights is None else np.asarray(source.weights) > 0
    values = np.asarray(jax.vmap(start.log_prob)(source.data))
    bad, needed = ~np.isfinite(values.reshape(len(counted), -1)).all(1), "a finite one is needed"
    if hasattr(start, "predictors"):  # one of its parts may be at fault for all
        covariates, response = source.data
        infinite = [~np.isfinite(np.asarray(x)).reshape(len(counted), -1).all(1) for x in jax.tree.leaves(covariates)]
        support = support_of(start.of)
        excluded = None if support is None else ~np.asarray(support.contains(response))
        if np.any(infinite) and np.any(np.any(infinite, 0) & counted):
            bad, needed = np.any(infinite, 0), "finite covariates are needed"
        elif excluded is not None and (excluded & counted).any():
            bad, needed = excluded, f"each response must be {support}"
    rows = np.flatnonzero(counted & bad)
    if 0 < rows.size < counted.sum():  # where all are bad, the start is at fault
        point = jax.tree.map(lambda leaf: np.asarray(leaf)[rows[0]], source.data)
        raise ValueError(
            f"{caller}: found data[{rows[0]}] = {point}, at which the log-density of {name} is {values[rows[0]]} where "
            f"the fit starts, one of {rows.size} such observations of {values.shape[0]}, but {needed}; correct or drop "
            "it, choose a model that allows it, or start from other values."
        )
