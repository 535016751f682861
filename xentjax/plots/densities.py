"""The density of a model over a histogram of data."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax import Array

from xentjax.inference.observations import compiled
from xentjax.plots.drawing import DATA, MODEL, admit, axes, distinct, ordered, support_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def density(model: Any, data: Any, *, weights: Any = None, bins: Any = None, ax: Any = None) -> "Axes":
    """The density of a model over a histogram of data; of whole numbers, its probabilities over the observed shares.

    Bars have the area, or the height, of the share of the data in them, so that bins that leave data out do not raise
    the others. The curve, of 512 points, covers the data and 5 percent beyond; where it grows past twice the
    highest bar it is cut off.

    Args:
      model: a fit, or an instance with `log_prob` of single numbers.
      data: numbers [n]: those of the fit.
      weights: frequencies [n], as the fit had them.
      bins: edges [k + 1], or their number; None is the rule of Freedman and Diaconis, at most 100. Whole numbers have
        none.
      ax: matplotlib axes; None is a new figure.

    Returns:
      The axes. `lines[0]` is the curve, or the probabilities.

    Raises:
      ImportError: matplotlib is not installed.
      TypeError: several variables, a conditional model; inside `jit`.
      ValueError: data that are not those of the fit.

    See also: R's `fitdistrplus::denscomp`.
    """
    model, x, w = admit("density", model, data, weights)
    discrete = support_of(model).discrete
    ax = axes("density", ax)
    heights = _shares(ax, x, w) if discrete else _histogram(ax, x, w, bins)
    at = _between(model, x)
    values = np.exp(np.asarray(_log_probs(model, at)))
    name = type(model).__name__
    ax.plot(at, values, "o" if discrete else "-", color=MODEL, ms=4, label=name)
    if discrete:
        ax.vlines(at, 0, values, color=MODEL, lw=1)
    # an infinite density at an end of the support would leave the rest flat
    if np.max(values) > 2 * np.max(heights):
        ax.set_ylim(0, 2 * np.max(heights))
    ax.set_ylim(bottom=0)
    ax.set(xlabel="x", ylabel="probability" if discrete else "density")
    return ax


def _histogram(ax: Any, x: np.ndarray, w: np.ndarray, bins: Any) -> np.ndarray:
    edges = np.histogram_bin_edges(x, _number_of_bins(x, w) if bins is None else bins)
    counts, _ = np.histogram(x, edges, weights=w)
    heights = counts / (np.sum(w) * np.diff(edges))
    ax.stairs(heights, edges, fill=True, color=DATA)
    return heights


def _number_of_bins(x: np.ndarray, w: np.ndarray) -> int:
    """Freedman and Diaconis: bins of 2 IQR n^(−1/3); Sturges's rule where half of the data are equal."""
    values, positions = ordered(x, w)
    low, high = np.interp([0.25, 0.75], positions, values)
    width, total = 2 * (high - low) / np.sum(w) ** (1 / 3), np.ptp(x)
    number = total / width if width > 0 else np.log2(len(x)) + 1
    return int(np.ceil(np.clip(number, 1, 100)))


def _shares(ax: Any, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    values, counts = distinct(x, w)
    heights = counts / np.sum(w)
    ax.bar(values, heights, width=0.8, color=DATA)
    return heights


def _between(model: Any, x: np.ndarray) -> np.ndarray:
    """The points of the curve: inside the support, over the data and a little beyond."""
    support = support_of(model)
    low, high = (float(end) for end in (model.ends() if hasattr(model, "ends") else (support.low, support.high)))
    if support.discrete:
        return np.arange(max(low, x.min() - 1), min(high, x.max() + 1) + 1, dtype=x.dtype)
    margin = 0.05 * (np.ptp(x) or 1.0)
    first, last = max(low, x.min() - margin), min(high, x.max() + margin)
    # the middles of 512 cells, so that a density that is infinite at an end is not asked for there
    return (first + (last - first) * (np.arange(512) + 0.5) / 512).astype(x.dtype)


@compiled()
def _log_probs(model: Any, at: Array) -> Array:
    return jax.vmap(model.log_prob)(at)
