"""The bootstrap: refits to reweighted, resampled or simulated data, and the intervals that their spread gives."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jax.scipy.special import ndtr, ndtri

from xentjax._select import select
from xentjax.certificates import gap_tolerance
from xentjax.diagnosis import diagnose, ending
from xentjax.inference.influence import influence_at
from xentjax.inference.intervals import probability
from xentjax.inference.observations import (
    check_likelihood,
    check_single,
    compiled,
    curvature_of,
    known,
    observed,
    observed_several,
)
from xentjax.minimization import run
from xentjax.objectives import cross_entropy_objective
from xentjax.parameters import named_leaves, replace_leaves, unconstrain
from xentjax.records import record
from xentjax.results import Fit
from xentjax.sources import Empirical, check_count, check_key, num_points
from xentjax.statuses import Status


@record
class Replicates:
    """Refits of a model, and what their spread says about the estimates. A pytree.

    Replicates that did not converge are left out of everything; how many there are is printed.

    Attributes:
      models: the refitted models, with a leading axis [num_samples].
      converged: which of the refits converged [num_samples].
      fit: the fit to the data themselves.

    >>> import jax, jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([0.8, 1.5, 2.0, 3.1, 0.6])
    >>> xj.inference.bootstrap(xj.fit_mle(xj.Exponential, x), x, jax.random.key(0), 200)
    Replicates of Exponential: 200 of 200 converged
    """

    models: Any
    converged: Array
    fit: Fit

    def standard_errors(self) -> Any:
        """The standard deviation of the replicates, in the shape of the model; 0 for held parameters.

        NaN for an end of the support, here and in all intervals: refits know no value outside the data, however often.
        """
        return _standard_errors(self)

    def percentile_interval(self, level: float = 0.95) -> tuple[Any, Any]:
        """(low, high), each in the shape of the model: the quantiles (1 ∓ level) / 2 of the replicates.

        Raises:
          ValueError: a level that is no probability.

        Reference: Efron (1979), Bootstrap methods: another look at the jackknife.
        """
        return _percentile(self, probability("percentile_interval", level))

    def basic_interval(self, level: float = 0.95) -> tuple[Any, Any]:
        """(low, high), each in the shape of the model: the percentile interval reflected about the estimate.

        2 θ̂ − q, so that θ* − θ̂ stands in for θ̂ − θ; an end may leave the parameter's support.

        Raises:
          ValueError: a level that is no probability.

        Reference: Davison and Hinkley (1997), Bootstrap methods and their application, section 5.2.
        """
        return _basic(self, probability("basic_interval", level))

    def bca_interval(self, data: Any, level: float = 0.95, weights: Any = None) -> tuple[Any, Any]:
        """(low, high), each in the shape of the model: percentiles corrected for bias and acceleration (BCa).

        The quantiles Φ(z₀ + (z₀ ± z) / (1 − a (z₀ ± z))), z₀ from the share of replicates below the estimate, and the
        acceleration a = Σ I³ / (6 (Σ I²)^{3/2}) from the influences I of the observations: what one Newton step from
        the fit, with its curvature, moves a parameter when an observation counts a little more. Second-order accurate
        where the percentile and basic intervals are first-order. NaN where all replicates are on one side.

        Args:
          data, weights: those of the fit; weights are frequencies.
          level: the probability with which the interval covers the parameter in large samples.

        Raises:
          TypeError, ValueError: data that are not those of the fit, a level that is no probability.

        See also: `scipy.stats.bootstrap(method="BCa")`, whose jackknife refits without each observation in turn.

        Reference: Efron (1987), Better bootstrap confidence intervals.
        """
        curvature_of("bca_interval", self.fit)
        source = observed("bca_interval", self.fit, data, weights)
        return _bca(self, source, probability("bca_interval", level))

    def __repr__(self) -> str:
        if not known(*jax.tree.leaves(self)):
            return "Replicates(traced)"
        number, good = np.size(self.converged), int(np.sum(np.asarray(self.converged)))
        rest = f", {number - good} left out" if good < number else ""
        return f"Replicates of {type(self.fit.model).__name__}: {good} of {number} converged{rest}"


def bootstrap(fit: Fit, data: Any, key: Array, num_samples: int = 1000, weights: Any = None) -> Replicates:
    """The Bayesian bootstrap: refits to the data with independent exponential weights.

    Each replicate minimises H(p̃*, q_θ) with p̃* ∝ Σ gᵢ δ(xᵢ), gᵢ ~ Exponential(1): for an observation of weight w,
    gᵢ ~ Gamma(w, 1), as if it stood there w times. Every observation stays in every replicate, so that hardly a refit
    fails. A held parameter stays held; the end of a support that the data set moves with them.

    Args:
      fit: a fit to data; the refits start at its model.
      data, weights: those of the fit; weights are frequencies.
      key: a `jax.random` key.
      num_samples: the number of replicates. All run at once and take memory for as many weights [num_samples, n].

    Raises:
      TypeError, ValueError: data that are not those of the fit, a batch of fits, no key, no number of replicates.

    >>> import jax, jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.linspace(-1.0, 1.0, 50)
    >>> fit = xj.fit_mle(xj.Normal, x)
    >>> replicates = xj.inference.bootstrap(fit, x, jax.random.key(0))
    >>> bool(abs(replicates.standard_errors().loc / fit.standard_errors().loc - 1) < 0.1)
    True

    See also: `resampling_bootstrap`, `parametric_bootstrap`; R's `bayesboot`.

    Reference: Rubin (1981), The Bayesian bootstrap, Annals of Statistics 9.
    """
    source = _observed("bootstrap", fit, data, key, num_samples, weights)
    return _reweighted(fit, source, key, num_samples, _exponential)


def resampling_bootstrap(fit: Fit, data: Any, key: Array, num_samples: int = 1000, weights: Any = None) -> Replicates:
    """Efron's bootstrap: refits to as many observations, drawn from the data with replacement.

    A replicate is the data with multinomial counts as weights. In small samples some leave out so much that the refit
    fails.

    Args, Raises: as for `bootstrap`; weights that are not whole numbers draw their sum, rounded.

    >>> import jax, jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.array([0.8, 1.5, 2.0, 3.1, 0.6])
    >>> replicates = xj.inference.resampling_bootstrap(xj.fit_mle(xj.Exponential, x), x, jax.random.key(0))
    >>> low, high = replicates.percentile_interval()
    >>> bool(low.rate < 0.45) and bool(high.rate > 0.9)
    True

    See also: `bootstrap`, whose weights are smooth; `scipy.stats.bootstrap`; R's `boot`.

    Reference: Efron (1979), Bootstrap methods: another look at the jackknife, Annals of Statistics 7.
    """
    source = _observed("resampling_bootstrap", fit, data, key, num_samples, weights)
    return _reweighted(fit, source, key, num_samples, _multinomial)


def parametric_bootstrap(
    fit: Fit, key: Array, num_samples: int = 1000, *, num_observations: int | None = None
) -> Replicates:
    """Refits to data simulated from the fitted model: what would vary if the model were right.

    What the fit held stays held; ends of the support, as those of Uniform and Pareto, are put at the extremes of each
    simulated sample.

    Args:
      fit: a fit to data of a model with `sample(key, shape)`.
      key: a `jax.random` key.
      num_samples: the number of replicates.
      num_observations: how many observations each is made of; None is as many as the fit had, which must then be a
        whole number, known outside `jit`.

    Raises:
      TypeError, ValueError: a model that cannot be sampled, a batch of fits, no key, no number of replicates or
        observations.

    >>> import jax, jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Exponential, jnp.array([0.8, 1.5, 2.0, 3.1, 0.6]))
    >>> xj.inference.parametric_bootstrap(fit, jax.random.key(0), 100)
    Replicates of Exponential: 100 of 100 converged

    See also: `bootstrap`, which does not suppose that the model is right.

    Reference: Efron and Tibshirani (1993), An introduction to the bootstrap, section 6.5.
    """
    check_single("parametric_bootstrap", fit)
    check_likelihood("parametric_bootstrap", fit)
    total = fit._observations("parametric_bootstrap")
    check_simulation("parametric_bootstrap", fit.model, key, num_samples)
    return _parametric(fit, key, num_samples, _size(num_observations, total))


def _observed(caller: str, fit: Fit, data: Any, key: Any, num_samples: Any, weights: Any) -> Empirical:
    check_key(caller, key)
    check_count(caller, "num_samples", num_samples)
    return observed_several(caller, fit, data, weights)


@compiled(3, 4)
def _reweighted(fit: Fit, source: Empirical, key: Array, num_samples: int, draw: Callable) -> Replicates:
    source = source.counted()
    weights = draw(key, source, (num_samples, num_points(source.data))).astype(fit.cross_entropy.dtype)
    return Replicates(*jax.vmap(lambda each: refit(fit, Empirical(source.data, each)))(weights), fit)


def _exponential(key: Array, source: Empirical, shape: tuple[int, int]) -> Array:
    if source.weights is None:
        return jax.random.exponential(key, shape)
    shapes = jnp.broadcast_to(source.weights, shape)
    return select(shapes > 0, jax.random.gamma(key, select(shapes > 0, shapes, 1.0)), 0.0)


def _multinomial(key: Array, source: Empirical, shape: tuple[int, int]) -> Array:
    if source.weights is None:
        drawn = jax.random.randint(key, shape, 0, shape[1])
        return jax.vmap(lambda each: jnp.bincount(each, length=shape[1]))(drawn)
    total = jnp.round(source.total)
    return jax.random.multinomial(key, total, jnp.broadcast_to(source.weights / jnp.sum(source.weights), shape))


@compiled(2, 3)
def _parametric(fit: Fit, key: Array, num_samples: int, num_observations: int) -> Replicates:
    def replicate(key: Array) -> tuple[Any, Array]:
        return refit(fit, Empirical(fit.model.sample(key, (num_observations,))))

    return Replicates(*jax.vmap(replicate)(jax.random.split(key, num_samples)), fit)


def refit(fit: Fit, source: Empirical) -> tuple[Any, Array]:
    """The model fitted to other data, started at the fit's, and whether it converged; traceable."""
    model = _settled(fit, source)
    free, constrain = unconstrain(model, fit.fixed)
    objective = cross_entropy_objective(constrain, model, source)
    best, status, _, settled = run(objective, free, None, None, _MAX_STEPS)
    _, unravel = ravel_pytree(free)
    found = constrain(unravel(best.point))
    status, _ = diagnose(ending(found, free, best, status, settled, gap_tolerance(None, best.value.dtype)))
    return found, status == Status.CONVERGED


# from the fit's model a refit takes less than ten
_MAX_STEPS = 1000


def _settled(fit: Fit, source: Empirical) -> Any:
    """The model with what the data give at once: ends of the support, and medians in which the likelihood has kinks."""
    model = fit.model
    exact = model.order_statistics(source) if hasattr(model, "order_statistics") else {}
    moved = {name: value for name, value in exact.items() if name in fit.ends or name not in fit.fixed}
    return replace_leaves(model, [moved.get(leaf.name, leaf.value) for leaf in named_leaves(model)])


def check_simulation(caller: str, model: Any, key: Any, num_samples: Any) -> None:
    """An error for what cannot be simulated from."""
    if not hasattr(model, "sample"):
        raise TypeError(
            f"{caller}: found a {type(model).__name__}, which has no sample(key, shape), but a model that can be "
            "sampled is needed; use bootstrap(fit, data, key), which reweights the data."
        )
    check_key(caller, key)
    check_count(caller, "num_samples", num_samples)


def _size(num_observations: Any, total: Any) -> int:
    if num_observations is not None:
        check_count("parametric_bootstrap", "num_observations", num_observations)
        return int(num_observations)
    if not known(total) or float(total) != int(total):
        found = f"{float(total):g} observations" if known(total) else "a number of observations that is traced"
        raise ValueError(f"parametric_bootstrap: found {found}, but a whole number is needed; give num_observations=.")
    return int(total)


def _columns(model: Any) -> tuple[Array, Callable[[Array], Any]]:
    """The numbers [k] of all parameters of a model, and the way back to its shape."""
    leaves = named_leaves(model)
    numbers, unravel = ravel_pytree([leaf.value for leaf in leaves if leaf.is_parameter])

    def rebuild(numbers: Array) -> Any:
        new = iter(unravel(numbers))
        return replace_leaves(model, [next(new) if leaf.is_parameter else leaf.value for leaf in leaves])

    return numbers, rebuild


def _table(replicates: Replicates) -> Array:
    """[num_samples, k], NaN in the rows that are left out, and in the columns of ends of the support."""
    table = jax.vmap(lambda model: _columns(model)[0])(replicates.models)
    return select(replicates.converged[:, None] & ~_at_ends(replicates.fit)[None, :], table, jnp.nan)


def _at_ends(fit: Fit) -> np.ndarray:
    """Which of the numbers [k] of the parameters are ends of the support, as the coefficients of corners are not."""
    ends = () if hasattr(fit.model, "passes_through") else fit.ends
    leaves = [leaf for leaf in named_leaves(fit.model) if leaf.is_parameter]
    return np.concatenate([np.full(np.size(leaf.value), leaf.name in ends) for leaf in leaves])


def _quantiles(replicates: Replicates, probabilities: Array) -> Array:
    """One quantile [k] of each parameter, at probabilities [k]; linear between the replicates."""
    quantile = functools.partial(jnp.nanquantile, method="linear")
    return jax.vmap(quantile, in_axes=(1, 0))(_table(replicates), probabilities)


@compiled()
def _standard_errors(replicates: Replicates) -> Any:
    _, rebuild = _columns(replicates.fit.model)
    return rebuild(jnp.nanstd(_table(replicates), axis=0, ddof=1))


def _plain(replicates: Replicates, level: Any) -> tuple[Array, Array, Array, Callable]:
    estimate, rebuild = _columns(replicates.fit.model)
    tail = jnp.broadcast_to((1 - jnp.asarray(level, estimate.dtype)) / 2, estimate.shape)
    return estimate, _quantiles(replicates, tail), _quantiles(replicates, 1 - tail), rebuild


@compiled()
def _percentile(replicates: Replicates, level: Any) -> tuple[Any, Any]:
    _, low, high, rebuild = _plain(replicates, level)
    return rebuild(low), rebuild(high)


@compiled()
def _basic(replicates: Replicates, level: Any) -> tuple[Any, Any]:
    estimate, low, high, rebuild = _plain(replicates, level)
    return rebuild(2 * estimate - high), rebuild(2 * estimate - low)


@compiled()
def _bca(replicates: Replicates, source: Empirical, level: Any) -> tuple[Any, Any]:
    estimate, rebuild = _columns(replicates.fit.model)
    table = _table(replicates)
    # the share of replicates below the estimate, which is above half of those equal to it; NaN where left out
    bias = ndtri(0.5 - 0.5 * jnp.nanmean(jnp.sign(table - estimate[None, :]), 0))
    acceleration = _acceleration(replicates.fit, source)
    z = ndtri((1 - jnp.asarray(level, estimate.dtype)) / 2)

    def end(z: Array) -> Any:
        moved = bias + z
        return rebuild(_quantiles(replicates, ndtr(bias + moved / (1 - acceleration * moved))))

    return end(z), end(-z)


def _acceleration(fit: Fit, source: Empirical) -> Array:
    """Σ w I³ / (6 (Σ w I²)^{3/2}) for each number [k] of the parameters; 0 for held ones."""
    source = source.counted()
    each = influence_at(fit, source.data).values()
    influence = jnp.concatenate([moves.reshape(moves.shape[0], -1) for moves in each], 1)
    size = jnp.max(jnp.abs(influence), 0)
    influence = influence / select(size > 0, size, 1.0)[None, :]
    weights = jnp.ones_like(influence[:, 0]) if source.weights is None else source.weights.astype(influence.dtype)
    square, cube = weights @ influence**2, weights @ influence**3
    return select(square > 0, cube / (6 * select(square > 0, square, 1.0) ** 1.5), 0.0)
