"""Expectation-maximisation of mixtures: each component is fitted to the data, re-weighted."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._select import select
from xentjax.admission import admit
from xentjax.estimation import fit
from xentjax.models import Mixture
from xentjax.models.starts import is_open, joined, split
from xentjax.refusals import explain
from xentjax.results import Fit
from xentjax.sources import Empirical
from xentjax.statistics import weighted_mean

# A step that gains less than this, in nats per observation, is the last: Newton's method goes on from there.
LITTLE = 1e-6
# The components need not be at their best, only better: so many evaluations of each.
EVALUATIONS = 10


def expectation_maximization(
    model: Any, data: Any, *, weights: Any = None, tol: float | None = None, max_steps: int = 200
) -> Fit:
    """Maximum likelihood of a mixture by the EM algorithm, finished and certified by Newton's method.

    A step takes the responsibilities rᵢₖ = P(component k | xᵢ), fits each component to the data with the weights
    wᵢ rᵢₖ, and sets each mixture weight to its mean responsibility. No step lowers the likelihood, and a component
    seldom runs off on the way, but the steps are slow where components overlap. So they end when one gains less than
    1e-6 nats per observation, or after `max_steps`, and `fit_mle` goes on from there.

    Args:
      model: a `Mixture`, with values to start from or with classes in their place; its components may be any models.
      data, weights: as for `fit_mle`.
      tol: the gap to reach in the end, as for `fit_mle`.
      max_steps: of EM.

    Returns:
      The `Fit` of `fit_mle`; its `steps` are those of Newton's method.

    Raises:
      TypeError: the model is no mixture.
      ValueError, TypeError: as for `fit_mle`.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> x = jnp.concatenate([jnp.linspace(-3.0, -1.0, 20), jnp.linspace(2.0, 6.0, 30)])
    >>> mixture = xj.Mixture([0.5, 0.5], xj.Normal)
    >>> fit = xj.estimators.expectation_maximization(mixture, x).check()
    >>> fit.model.components.loc.round(2).tolist()
    [-2.0, 4.0]

    See also: `fit_mle`, which needs fewer and costlier steps; `sklearn.mixture.GaussianMixture.fit`, whose convergence
    means that a step was small.

    Reference: Dempster, Laird & Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm, JRSS B 39.
    """
    if not isinstance(model, Mixture):
        name = model.__name__ if isinstance(model, type) else type(model).__name__
        raise TypeError(
            f"expectation_maximization: found {name} as the model, but a Mixture is needed; write for example "
            "Mixture(jnp.ones(2) / 2, Normal), or use fit_mle."
        )
    source = Empirical(data, weights)
    source = admit("expectation_maximization", model, source, None, None, tol, max_steps)
    made_for, values = split(model) if is_open(model) else (None, model)
    found = _fit(made_for, values, source, tol, max_steps)
    explain("expectation_maximization", model, source, found)
    return found


@functools.partial(jax.jit, static_argnums=(0, 3))
def _fit(made_for: Any, values: Any, source: Empirical, tol: Any, max_steps: Any) -> Fit:
    # only the minimum is differentiated, not the way there
    still = jax.lax.stop_gradient((values, source.counted()))
    return fit(_climb(made_for, *still, max_steps), source, tol=tol)


def _climb(made_for: Any, values: Any, source: Empirical, max_steps: Any) -> Mixture:
    """The mixture where a step of EM gains little."""
    mixture = values if made_for is None else joined(made_for, values).start(source)
    floats = [leaf.dtype for leaf in jax.tree.leaves(source) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    dtype = jnp.result_type(*(floats or [float]))  # that of the data, as in a fit
    mixture = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), mixture)

    def unfinished(state: tuple) -> Array:
        _, _, gain, steps = state
        return (gain > LITTLE) & (steps < max_steps)

    def step(state: tuple) -> tuple:
        mixture, before, _, steps = state
        better, value = em_step(mixture, source)
        # data that no fit can use are left to the last one, which says so
        better = jax.tree.map(lambda new, old: select(jnp.isfinite(value), new, old), better, mixture)
        # the value is that of the mixture before: the gain is known one step late
        return better, value, before - value, steps + 1

    start = (mixture, jnp.asarray(jnp.inf, dtype), jnp.asarray(jnp.inf, dtype), 0)
    return jax.lax.while_loop(unfinished, step, start)[0]


def em_step(mixture: Mixture, source: Empirical) -> tuple[Mixture, Array]:
    """One step of EM, and the cross-entropy H(source, mixture) that it starts from; later ones are no higher."""

    def judged(point: Any) -> tuple[Array, Array]:
        return mixture.log_responsibilities(point), mixture.log_prob(point)

    log_shares, log_probs = jax.vmap(judged)(source.data)
    shares = weighted_mean(jnp.exp(log_shares), source.weights)
    own = jnp.exp(log_shares) if source.weights is None else jnp.exp(log_shares) * source.weights[:, None]

    def refitted(component: Any, weights: Array) -> Any:
        found = fit(component, Empirical(source.data, weights, source.drawn), max_steps=EVALUATIONS).model
        # one that no point is left for keeps its parameters
        return jax.tree.map(lambda new, old: select(jnp.isfinite(new), new, old), found, component)

    if isinstance(mixture.components, tuple):
        components: Any = tuple(map(refitted, mixture.components, own.T))
    else:
        components = jax.vmap(refitted)(mixture.components, own.T)
    return Mixture(shares, components), -weighted_mean(log_probs, source.weights)
