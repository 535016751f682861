"""What all plots share: the axes, the model and the data that they take, and data in order."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from xentjax._numerics import as_float
from xentjax.inference.observations import arrays, known, observed
from xentjax.supports import REAL

DATA, MODEL, LINE = "0.82", "C0", "0.3"  # greys for what was observed and for lines; the first colour for the rest


def axes(caller: str, ax: Any) -> Any:
    """The given axes, or those of a new figure."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"plots.{caller}: found no matplotlib, but it is what draws; pip install 'xentjax[plot]'."
        ) from error
    return pyplot.subplots(layout="constrained")[1]


def check_known(caller: str, *values: Any) -> None:
    """An error inside `jit` and `vmap`, where there are no numbers to draw."""
    if not known(*jax.tree.leaves(values)):
        raise TypeError(
            f"plots.{caller}: found traced values, inside jit or vmap, but numbers are needed; return the fit and draw "
            "it outside."
        )


def admit(
    caller: str, given: Any, data: Any, weights: Any, *, needed: str = "log_prob", continuous: bool = False
) -> tuple[Any, np.ndarray, np.ndarray]:
    """The model, the data [n] that count and their weights [n]."""
    check_known(caller, given, data, weights)
    caller = f"plots.{caller}"
    is_fit = hasattr(given, "curvature")
    source = observed(caller, given, data, weights) if is_fit else arrays(caller, data, weights)
    model = given.model if is_fit else given
    _check_model(caller, model, source.data, needed, continuous)
    x = np.asarray(as_float(source.data))
    w = np.ones_like(x) if source.weights is None else np.asarray(source.weights, x.dtype)
    _check_values(caller, x[w > 0])
    return model, x[w > 0], w[w > 0]


def _check_model(caller: str, model: Any, data: Any, needed: str, continuous: bool) -> None:
    if inspect.isclass(model) or not hasattr(model, "log_prob"):
        what = f"the class {model.__name__}" if inspect.isclass(model) else f"a {type(model).__name__}"
        raise TypeError(f"{caller}: found {what}, but a fit or an instance is needed; fit it: fit_mle(model, data).")
    name, shapes = type(model).__name__, [jnp.shape(leaf) for leaf in jax.tree.leaves(data)]
    if len(shapes) != 1 or support_of(model).ndim:
        what = f"data of {len(shapes)} variables" if len(shapes) != 1 else f"{name}, a distribution of vectors"
        raise TypeError(
            f"{caller}: found {what}, but a distribution of single numbers is needed; draw a marginal, or the "
            "residuals of a conditional model as data of their own."
        )
    if len(shapes[0]) != 1:
        raise ValueError(
            f"{caller}: found data of shape {shapes[0]}, but numbers [n] are needed; flatten with x.ravel()."
        )
    if not hasattr(model, needed):
        raise TypeError(f"{caller}: found a {name}, which has no {needed}, but it is what is drawn; use density.")
    if continuous and support_of(model).discrete:
        raise TypeError(
            f"{caller}: found {name}, a distribution of whole numbers, whose quantiles jump, but a continuous one is "
            "needed; use residuals, or density."
        )
    shape = jax.eval_shape(model.log_prob, jnp.zeros((), float)).shape
    if shape != ():
        raise ValueError(
            f"{caller}: found a batch of models of shape {shape}, but one is needed; draw them one by one."
        )


def _check_values(caller: str, x: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(x))
    if bad.size:
        raise ValueError(f"{caller}: found the observation {x[bad[0]]}, but finite numbers are needed; leave it out.")


def support_of(model: Any) -> Any:
    """That of the model's values; a model of one's own that declares none is drawn as a curve."""
    return getattr(model, "support", REAL)


def ordered(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Data in order, and the share of the weight below the middle of each: (i − ½)/n."""
    order = np.argsort(x, kind="stable")
    x, w = x[order], w[order]
    return x, (np.cumsum(w) - 0.5 * w) / np.sum(w)


def distinct(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values, increasing, and the weight of each."""
    values, places = np.unique(x, return_inverse=True)
    return values, np.bincount(places, w).astype(w.dtype)
