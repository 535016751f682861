"""Probabilities and quantiles of data against those of a model."""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._select import select
from xentjax.inference.goodness import probability_integral_transform
from xentjax.inference.intervals import probability
from xentjax.inference.observations import compiled
from xentjax.inference.resampling import check_simulation, refit
from xentjax.plots.drawing import DATA, LINE, MODEL, admit, axes, distinct, ordered, support_of
from xentjax.sources import Empirical

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def pp(model: Any, data: Any, *, weights: Any = None, ax: Any = None) -> "Axes":
    """The P–P plot: probabilities of the data against those of the model, (F(x₍ᵢ₎), (i − ½)/n).

    On the diagonal if the model is right; it shows the middle of a distribution best. A weight w moves i by w. Of
    whole numbers each value is one point, (F(x), share of the data ≤ x).

    Args:
      model: a fit, or a family's instance with `cdf`.
      data, weights, ax: as for `density`.

    Returns:
      The axes. `lines[0]` are the points.

    Raises: as for `density`; TypeError also for a model without distribution function.

    See also: `qq`, which shows the tails; R's `ppcomp` of fitdistrplus.

    Reference: Wilk and Gnanadesikan (1968), Probability plotting methods for the analysis of data, Biometrika 55.
    """
    model, x, w = admit("pp", model, data, weights, needed="log_cdf")
    ax = axes("pp", ax)
    if support_of(model).discrete:
        x, w = distinct(x, w)
        positions = np.cumsum(w) / np.sum(w)
    else:
        x, positions = ordered(x, w)
    ax.plot(np.exp(np.asarray(_tails(model, x)[0])), positions, "o", color=MODEL, ms=3)
    ax.axline((0, 0), slope=1, color=LINE, lw=0.8)
    ax.set(xlabel="probability of the model", ylabel="probability of the data", xlim=(0, 1), ylim=(0, 1))
    ax.set_aspect("equal")
    return ax


def qq(
    model: Any,
    data: Any,
    *,
    weights: Any = None,
    key: Array | None = None,
    level: float = 0.95,
    simultaneous: bool = False,
    num_samples: int = 999,
    ax: Any = None,
) -> "Axes":
    """The Q–Q plot: data in order against quantiles of the model, (Q((i − ½)/n), x₍ᵢ₎), with an envelope.

    On the diagonal if the model is right; it shows the tails best. With a key the envelope is a parametric bootstrap:
    samples of n are drawn from the model, a fit is repeated on each, and the band says where F*(x*₍ᵢ₎) lies, the
    distribution function of the refitted model at the ordered sample, mapped back by Q. So it allows for the fit,
    without which it would be too wide. Pointwise it holds each point with the probability `level`. Simultaneous it
    holds all points at once: the pointwise one, its distances from the median of logit F* multiplied by one factor.

    Args:
      model: a fit, or a continuous family's instance, of which nothing counts as fitted.
      data, weights, ax: as for `density`. A weight w moves i by w.
      key: a `jax.random` key; None draws no envelope.
      level: the probability of the envelope.
      simultaneous: whether it is that of all points at once.
      num_samples: the number of simulations, all run at once; refits that do not converge are left out.

    Returns:
      The axes. `lines[0]` are the points, `collections[0]` is the envelope.

    Raises: as for `density`; TypeError also for whole numbers, whose quantiles jump (`residuals` serves them), and for
      no key; ValueError also for a level that is none, weights with a key, and too few simulations for the level.

    See also: `pp`; R's `boot::envelope`, the same of simulations that one makes; `car::qqPlot`.

    Reference: Davison and Hinkley (1997), Bootstrap methods and their application, section 4.2.4.
    """
    fit = model
    model, x, w = admit("qq", model, data, weights, needed="quantile", continuous=True)
    _check_envelope(model, weights, key, num_samples)
    level = probability("qq", level)
    x, positions = ordered(x, w)
    expected = np.asarray(_quantiles(model, positions))
    ax = axes("qq", ax)
    ax.plot(expected, x, "o", color=MODEL, ms=3, zorder=3)
    if key is not None:
        u = np.asarray(_simulated(fit, jnp.asarray(x), key, num_samples))
        low, high = (np.asarray(_quantiles(model, end)) for end in _envelope(u, level, simultaneous))
        ax.fill_between(expected, low, high, color=DATA, lw=0)
    ax.axline((expected[0], expected[0]), slope=1, color=LINE, lw=0.8)
    ax.set(xlabel="quantile of the model", ylabel="data")
    return ax


def residuals(model: Any, data: Any, *, key: Array | None = None, weights: Any = None, ax: Any = None) -> "Axes":
    """The normal Q–Q plot of quantile residuals, (Φ⁻¹((i − ½)/n), r₍ᵢ₎) with r = Φ⁻¹(F(x)).

    Standard normal if the model is right, whatever the family: all families on one scale, and whole numbers too, for
    which F is drawn between F(x − 1) and F(x). A residual of 3 is as rare as three standard deviations.

    Args:
      model: a fit, or a family's instance with `cdf`.
      data, weights, ax: as for `density`.
      key: a `jax.random` key, for whole numbers.

    Returns:
      The axes. `lines[0]` are the points.

    Raises: as for `density`; ValueError also for whole numbers and no key.

    See also: `probability_integral_transform`, which are F(x); R's `statmod::qresiduals`.

    Reference: Dunn and Smyth (1996), Randomized quantile residuals.
    """
    model, x, w = admit("residuals", model, data, weights, needed="log_cdf")
    r, positions = ordered(_quantile_residuals(model, x, key), w)
    ax = axes("residuals", ax)
    ax.plot(np.asarray(jax.scipy.special.ndtri(positions)), r, "o", color=MODEL, ms=3)
    ax.axline((0, 0), slope=1, color=LINE, lw=0.8)
    ax.set(xlabel="standard normal quantile", ylabel="quantile residual")
    return ax


def _check_envelope(model: Any, weights: Any, key: Any, num_samples: Any) -> None:
    if key is None:
        return
    check_simulation("plots.qq", model, key, num_samples)
    if weights is not None:
        raise ValueError(
            "plots.qq: found weights and a key, but an envelope is simulated for single observations; repeat them: "
            "numpy.repeat(x, weights), fit and draw again, or give no key."
        )


@compiled()
def _quantiles(model: Any, probabilities: Array) -> Array:
    return jax.vmap(model.quantile)(probabilities)


@compiled()
def _tails(model: Any, x: Array) -> tuple[Array, Array]:
    """log F and log(1 − F)."""
    return jax.vmap(lambda x: (model.log_cdf(x), model.log_survival(x)))(x)


def _quantile_residuals(model: Any, x: np.ndarray, key: Any) -> np.ndarray:
    if support_of(model).discrete:
        u = probability_integral_transform(model, x, key)
        return np.asarray(jax.scipy.special.ndtri(u))
    below, above = _tails(model, x)
    # from the smaller tail, so that a point far out is not at 1
    ndtri = jax.scipy.special.ndtri
    return np.asarray(select(below < above, ndtri(jnp.exp(below)), -ndtri(jnp.exp(above))))


@compiled(3)
def _simulated(given: Any, x: Array, key: Array, num_samples: int) -> Array:
    """The refitted model's distribution function at ordered samples [num_samples, n]; NaN if it did not converge."""
    is_fit = hasattr(given, "curvature")
    model = given.model if is_fit else given

    def simulate(key: Array) -> Array:
        sample = jnp.sort(model.sample(key, x.shape))
        own, converged = refit(given, Empirical(sample)) if is_fit else (model, jnp.asarray(True))
        return select(converged, jax.vmap(own.cdf)(sample), jnp.nan)

    return jax.vmap(simulate)(jax.random.split(key, num_samples))


def _envelope(u: np.ndarray, level: float, simultaneous: bool) -> tuple[np.ndarray, np.ndarray]:
    """The ends [n] of the pointwise or the simultaneous envelope of the simulations [number, n] that are no NaN."""
    u = u[~np.isnan(u).any(1)]
    tail, eps = (1 - level) / 2, np.finfo(u.dtype).eps
    if tail * (len(u) + 1) < 1 - 1e-6:  # beyond each end lies a share of 1 / (number + 1) of the data at least
        raise ValueError(
            f"plots.qq: found {len(u)} simulations, but {int(np.ceil(1 / tail - 1e-6)) - 1} or more, whose refits "
            f"converge, are needed for a level of {level}; raise num_samples, or lower the level."
        )
    # the ends of a support that are fitted lie at 0 and 1
    z = np.clip(u.astype(float), eps, 1 - eps)
    z = np.log(z) - np.log1p(-z)
    low, middle, high = np.quantile(z, [tail, 0.5, 1 - tail], 0, method="weibull")
    if simultaneous:
        width = np.where(z < middle, middle - low, high - middle)
        reach = np.divide(np.abs(z - middle), width, out=np.zeros_like(z), where=width > 0).max(1)
        wider = np.quantile(reach, level, method="weibull")
        low, high = middle - wider * (middle - low), middle + wider * (high - middle)
    # the logistic function
    return tuple((0.5 + 0.5 * np.tanh(0.5 * end)).astype(u.dtype) for end in (low, high))
