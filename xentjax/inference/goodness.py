"""Goodness of fit: how far data are from what a model says of them, and how often the model's own data are so far."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._numerics import as_float, relative_entropy_term
from xentjax._select import select
from xentjax.inference.observations import compiled, known, observed
from xentjax.inference.resampling import check_simulation, refit
from xentjax.records import record
from xentjax.results import Fit
from xentjax.sources import Empirical, check_key, num_points


@record
class GoodnessOfFit:
    """A statistic of how far data are from a fit, and how often data from the fitted model are as far from theirs.

    Attributes:
      statistic: its value for the data.
      p_value: (1 + number of simulations with a value at least as large) / (1 + their number); NaN where the statistic
        is infinite for data and simulations alike, as `anderson_darling` of a model whose ends are observations.
      simulations: the number of simulations whose refit converged; others are left out.
    """

    statistic: Array
    p_value: Array
    simulations: Array

    def __repr__(self) -> str:
        if not known(*jax.tree.leaves(self)) or jnp.ndim(self.statistic):
            return f"GoodnessOfFit(statistic={self.statistic}, p_value={self.p_value})"
        number = f"{int(self.simulations)} simulations"
        return f"GoodnessOfFit: {float(self.statistic):.6g}, p = {float(self.p_value):.4g} by {number}"


def probability_integral_transform(model: Any, data: Any, key: Array | None = None) -> Array:
    """uᵢ = F(xᵢ) [n]: independent and uniform on (0, 1) if the data are from the model.

    For whole numbers F jumps, and uᵢ is drawn uniformly from F(xᵢ − 1) to F(xᵢ); that needs a key. NaN where x is.

    Args:
      model: a distribution of single numbers with `cdf`.
      data: numbers [n].
      key: a `jax.random` key, for models of whole numbers; others do not use it.

    Raises:
      TypeError: a model without distribution function.
      ValueError: data that are no numbers [n]; whole numbers and no key.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> u = xj.inference.probability_integral_transform(xj.Exponential(1.0), jnp.log(jnp.array([2.0, 4.0])))
    >>> [round(value.item(), 4) for value in u]
    [0.5, 0.75]

    See also: R's `statmod::qresiduals`, which are the normal quantiles of these.

    Reference: Dunn and Smyth (1996), Randomized quantile residuals.
    """
    x = _numbers("probability_integral_transform", model, data)
    if not model.support.discrete:
        return jax.vmap(model.cdf)(x)
    if key is None:
        raise ValueError(
            f"probability_integral_transform: found no key for {type(model).__name__}, but for whole numbers the value "
            "is drawn between F(x − 1) and F(x); give a key, as jax.random.key(0)."
        )
    check_key("probability_integral_transform", key)
    share = jax.random.uniform(key, x.shape, x.dtype)
    return jax.vmap(lambda x, share: model.cdf(x - 1) + share * jnp.exp(model.log_prob(x)))(x, share)


def kolmogorov_smirnov(model: Any, data: Any) -> Array:
    """D = sup |Fₙ − F|: the largest distance of the distribution function of the data from the model's.

    Without unit, 0 to 1. Most sensitive in the middle of the distribution.

    Args:
      model: a continuous distribution of single numbers with `cdf`.
      data: numbers [n].

    Raises:
      TypeError: a model of whole numbers, or without distribution function.
      ValueError: data that are no numbers [n].

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> round(xj.inference.kolmogorov_smirnov(xj.Uniform(0.0, 1.0), jnp.array([0.2, 0.7])).item(), 4)
    0.3

    See also: `scipy.stats.kstest`, whose p-value supposes that nothing was fitted; `goodness_of_fit` does not.
    """
    u, i, n = _sorted_cdf("kolmogorov_smirnov", model, data)
    return jnp.max(jnp.maximum((i + 1) / n - u, u - i / n))


def cramer_von_mises(model: Any, data: Any) -> Array:
    """W² = n ∫ (Fₙ − F)² dF = 1/(12 n) + Σ (F(x₍ᵢ₎) − (2i − 1)/(2n))².

    Args, Raises: as for `kolmogorov_smirnov`.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> round(xj.inference.cramer_von_mises(xj.Uniform(0.0, 1.0), jnp.array([0.25, 0.75])).item(), 4)  # 1/24
    0.0417

    See also: `anderson_darling`, which weights the tails; `scipy.stats.cramervonmises`.
    """
    u, i, n = _sorted_cdf("cramer_von_mises", model, data)
    return jnp.sum((u - (2 * i + 1) / (2 * n)) ** 2) + 1 / (12 * n)


def anderson_darling(model: Any, data: Any) -> Array:
    """A² = n ∫ (Fₙ − F)² / (F (1 − F)) dF = −n − Σ (2i − 1)/n (log F(x₍ᵢ₎) + log(1 − F(x₍ₙ₊₁₋ᵢ₎))).

    From the logarithms of both tails, so that points far out in the upper tail count for what they are. +inf for a
    point outside the support.

    Args, Raises: as for `kolmogorov_smirnov`.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> round(xj.inference.anderson_darling(xj.Uniform(0.0, 1.0), jnp.array([0.5])).item(), 4)  # 2 log 2 − 1
    0.3863

    See also: `scipy.stats.anderson`, of seven families, with tabulated critical values.

    Reference: Anderson and Darling (1954), A test of goodness of fit.
    """
    x = jnp.sort(_numbers("anderson_darling", model, data, continuous=True))
    below, above = jax.vmap(model.log_cdf)(x), jax.vmap(model.log_survival)(x)
    n = x.shape[0]
    weights = (2 * jnp.arange(n, dtype=x.dtype) + 1) / n
    return -n - jnp.sum(weights * (below + above[::-1]))


def chi_squared(model: Any, data: Any, edges: Any = None) -> Array:
    """Pearson's X² = Σ (O − E)² / E over cells, with O the number of data in a cell and E what the model expects.

    Cells are (−∞, e₁], (e₁, e₂], ..., (eₖ, ∞): edges 0, 1, 2 of whole numbers make the cells 0, 1, 2 and ≥ 3.

    Args:
      model: a distribution of single numbers with `cdf`.
      data: numbers [n].
      edges: increasing numbers [k]. None puts about 2 n^(2/5) cells of equal probability between quantiles of the
        model; of whole numbers single ones where they have as much, the tails pooled until they expect 5.

    Returns:
      A number []; +inf for data in a cell in which the model expects none.

    Raises:
      TypeError: a model without distribution function.
      ValueError: data that are no numbers [n]; edges that do not increase.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> xj.inference.chi_squared(xj.Bernoulli(0.5), jnp.array([0, 0, 0, 1]), [0.0]).item()  # (3 − 2)²/2 + (1 − 2)²/2
    1.0

    See also: `g_squared`; `scipy.stats.chisquare`, which takes the counts.

    Reference: Moore (1986), Tests of chi-squared type, on the number of cells.
    """
    counts, expected = _cells("chi_squared", model, data, edges)
    present = (expected > 0) | (counts > 0)
    return jnp.sum(select(present, (counts - expected) ** 2 / select(present, expected, 1.0), 0.0))


def g_squared(model: Any, data: Any, edges: Any = None) -> Array:
    """G² = 2 Σ O log(O / E) over cells: 2 n KL(observed frequencies ‖ the model's probabilities of the cells).

    The likelihood ratio of the model against any other probabilities of the cells.

    Args, Returns, Raises: as for `chi_squared`.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> round(xj.inference.g_squared(xj.Bernoulli(0.5), jnp.array([0, 0, 0, 1]), [0.0]).item(), 4)
    1.0465

    See also: `chi_squared`, which it equals to leading order; R's `vcd::goodfit`.
    """
    return 2 * jnp.sum(relative_entropy_term(*_cells("g_squared", model, data, edges)))


def goodness_of_fit(
    fit: Fit,
    data: Any,
    key: Array,
    statistic: Callable[[Any, Array], Array] = anderson_darling,
    num_samples: int = 999,
) -> GoodnessOfFit:
    """Whether data look like the fitted model's own: a parametric-bootstrap test.

    Samples of the same size are drawn from the fitted model, the model is fitted to each, and the statistic of each
    sample to its own fit is compared with that of the data. Unlike tables of a statistic this allows for the fit.

    Args:
      fit: a fit to data without weights, of a model with `sample(key, shape)`.
      data: the data of the fit.
      key: a `jax.random` key.
      statistic: a function (model, data) → number that is large where they disagree, as `anderson_darling`,
        `kolmogorov_smirnov`, `cramer_von_mises`, `chi_squared` (of whole numbers), or one of your own. Define it once:
        a new lambda compiles anew.
      num_samples: the number of simulations, all run at once.

    Raises:
      TypeError: a model that the statistic does not serve, or that cannot be sampled; no key.
      ValueError: data that are not those of the fit, a batch of fits, no number of simulations.

    >>> import jax
    >>> import xentjax as xj
    >>> x = xj.Exponential(1.0).sample(jax.random.key(0), (100,))
    >>> bool(xj.inference.goodness_of_fit(xj.fit_mle(xj.Rayleigh, x), x, jax.random.key(1)).p_value < 0.01)
    True

    See also: `scipy.stats.goodness_of_fit`, the same one simulation at a time.

    Reference: Stute, Gonzáles Manteiga and Presedo Quindimil (1993), Bootstrap based goodness-of-fit tests.
    """
    check_simulation("goodness_of_fit", getattr(fit, "model", fit), key, num_samples)
    return _simulated(fit, observed("goodness_of_fit", fit, data, None), key, statistic, num_samples)


@compiled(3, 4)
def _simulated(fit: Fit, source: Empirical, key: Array, statistic: Callable, num_samples: int) -> GoodnessOfFit:

    def simulate(key: Array) -> tuple[Array, Array]:
        sample = fit.model.sample(key, (num_points(source.data),))
        model, converged = refit(fit, Empirical(sample))
        return statistic(model, sample), converged

    value = statistic(fit.model, source.data)
    values, converged = jax.vmap(simulate)(jax.random.split(key, num_samples))
    counted = converged & ~jnp.isnan(values)
    number = jnp.sum(counted)
    p_value = ((1 + jnp.sum(counted & (values >= value))) / (1 + number)).astype(value.dtype)
    sound = fit.converged & ~jnp.isnan(value) & ~(jnp.isinf(value) & jnp.any(counted & jnp.isinf(values)))
    return GoodnessOfFit(value, select(sound, p_value, jnp.nan), number)


def _numbers(caller: str, model: Any, data: Any, continuous: bool = False) -> Array:
    """The data [n] as floats, for a model whose distribution function is known."""
    support = getattr(model, "support", None)
    if support is None or support.ndim or not hasattr(model, "log_cdf"):
        raise TypeError(
            f"{caller}: found a {type(model).__name__}, but a distribution of single numbers with log_cdf is needed; "
            + ("give fit.model." if hasattr(model, "model") else "choose such a family, or transform the data.")
        )
    if continuous and support.discrete:
        raise TypeError(
            f"{caller}: found {type(model).__name__}, a distribution of whole numbers, but a continuous one is needed; "
            "use chi_squared."
        )
    x = as_float(data)
    if x.ndim != 1 or not x.size:
        raise ValueError(
            f"{caller}: found data of shape {x.shape}, but numbers [n] are needed; flatten with x.ravel(), or map over "
            "rows with jax.vmap."
        )
    return x


def _sorted_cdf(caller: str, model: Any, data: Any) -> tuple[Array, Array, int]:
    x = jnp.sort(_numbers(caller, model, data, continuous=True))
    return jax.vmap(model.cdf)(x), jnp.arange(x.shape[0], dtype=x.dtype), x.shape[0]


def _cells(caller: str, model: Any, data: Any, edges: Any) -> tuple[Array, Array]:
    """How many of the data are in each cell, and how many are expected [k + 1]."""
    x = _numbers(caller, model, data)
    edges = _default_edges(model, x) if edges is None else _checked_edges(caller, edges).astype(x.dtype)
    below, above = jax.vmap(model.cdf)(edges), jnp.exp(jax.vmap(model.log_survival)(edges))
    zero, one = jnp.zeros(1, below.dtype), jnp.ones(1, below.dtype)
    below, above = jnp.concatenate([zero, below, one]), jnp.concatenate([one, above, zero])
    # the difference of the tails that are smaller keeps its digits
    shares = select(below[:-1] < 0.5, below[1:] - below[:-1], above[:-1] - above[1:])
    places = jnp.searchsorted(edges, x)
    counts = jnp.zeros_like(shares).at[places].add(1.0)
    return counts, x.shape[0] * shares


def _default_edges(model: Any, x: Array) -> Array:
    number = max(2, int(2 * x.shape[0] ** 0.4))
    edges = jax.vmap(model.quantile)(jnp.arange(1, number, dtype=x.dtype) / number).astype(x.dtype)
    if not model.support.discrete:
        return edges
    # equal edges make empty cells, which count for nothing; those that leave less than 5 above pool it with the last
    expected = x.shape[0] * jnp.exp(jax.vmap(model.log_survival)(edges))
    return select(expected >= 5, edges, jnp.inf)


def _checked_edges(caller: str, edges: Any) -> Array:
    edges = as_float(edges)
    if edges.ndim != 1 or not edges.size or (known(edges) and not np.all(np.diff(np.asarray(edges)) > 0)):
        raise ValueError(
            f"{caller}: found edges {edges}, but increasing numbers [k] are needed; sort them and drop repeated ones."
        )
    return edges
