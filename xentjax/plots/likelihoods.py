"""The profile log-likelihood of a parameter."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from xentjax import inference
from xentjax.parameters import entry_name, named_leaves
from xentjax.plots.drawing import LINE, MODEL, axes, check_known
from xentjax.results import Fit
from xentjax.sources import check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def profile(
    fit: Fit,
    data: Any,
    name: str,
    *,
    weights: Any = None,
    level: float = 0.95,
    num_points: int = 101,
    ax: Any = None,
) -> "Axes":
    """The profile log-likelihood of one parameter, −n H(ψ), with the interval of the values that it does not rule out.

    H(ψ) = min over the other parameters of H(p̃, q_θ). The horizontal line lies half a χ²₁ quantile below the maximum;
    where it cuts the curve are the ends of `inference.profile_interval`, drawn as vertical lines. An end that is never
    reached is not drawn.

    Args:
      fit: a converged fit to data.
      data, weights, ax: as for `density`, of any model.
      name: the parameter as the fit prints it, one number: "rate", "components.loc[0]".
      level: the probability of the interval.
      num_points: the number of values; each is a fit, started at its neighbour's.

    Returns:
      The axes. `lines[0]` is the curve, `lines[1]` the cutoff, the others the estimate and the ends.

    Raises:
      ImportError: matplotlib is not installed.
      RuntimeError: the fit did not converge.
      TypeError: inside `jit`.
      ValueError: a name that is not that of a free parameter of one number, other data, a level that is none.

    See also: `inference.profile`, the values; R's `plot(profile(...))`, of the signed root.
    """
    check_known("profile", fit, data, weights)
    check_count("plots.profile", "num_points", num_points)
    low, high = map(float, inference.profile_interval(fit, data, name, weights=weights, level=level))
    fit.check()
    values = _around(fit, name, low, high, num_points)
    total = float(fit.observations)
    curve = -total * np.asarray(inference.profile(fit, data, name, values, weights=weights))
    top = float(fit.log_likelihood)
    ax = axes("profile", ax)
    ax.plot(values, curve, "-", color=MODEL)
    drop = 0.5 * float(jax.scipy.special.ndtri(jnp.asarray((1 - level) / 2, float))) ** 2
    ax.axhline(top - drop, color=LINE, lw=0.8, ls="--")
    ax.axvline(_number(fit.model, name)[1], color=LINE, lw=0.8)
    for end in (low, high):
        if values[0] < end < values[-1]:
            ax.axvline(end, color=LINE, lw=0.8, ls=":")
    ax.set(xlabel=name, ylabel="profile log-likelihood (nats)")
    return ax


def _around(fit: Fit, name: str, low: float, high: float, num_points: int) -> np.ndarray:
    """Values inside the support, from 40 percent beyond one end of the interval to 40 percent beyond the other."""
    support, best = _number(fit.model, name)
    _, error = _number(fit.standard_errors(), name)
    # an end that is not known, or is that of the support, says nothing about how far to look
    below = best - low if support.low < low < best else np.inf
    above = high - best if best < high < support.high else np.inf
    nearer = min(below, above) if min(below, above) < np.inf else 3 * error
    reach_below, reach_above = (1.4 * reach if reach < np.inf else 3 * nearer for reach in (below, above))
    # inside: a hundredth of the way from the end of the support to the estimate
    first = max(best - reach_below, support.low + 0.01 * (best - support.low) if support.low > -np.inf else -np.inf)
    last = min(best + reach_above, support.high - 0.01 * (support.high - best) if support.high < np.inf else np.inf)
    return np.linspace(first, last, num_points)


def _number(model: Any, name: str) -> tuple[Any, float]:
    """The support and the value of one number of a model, by the name that `profile_interval` knows."""
    return next(
        (leaf.support, float(np.asarray(leaf.value)[index]))
        for leaf in named_leaves(model)
        if leaf.is_parameter
        for index in np.ndindex(np.shape(leaf.value))
        if entry_name(leaf.name, index) == name
    )
