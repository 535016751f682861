"""The cross-entropy H(source, model) as a function of unconstrained parameters, in the cheapest form there is."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._select import select
from xentjax.certificates import linearized, products, row_sizes, second_order
from xentjax.component_derivatives import ByComponents, turns_of
from xentjax.predictor_derivatives import ByPredictors
from xentjax.sources import Empirical, check_terms
from xentjax.statistics import Center, Spread, summarize

# Points per block: the live intermediates of one block should stay in the second-level cache.
SMALL_BLOCK, LARGE_BLOCK = 1024, 4096

# For so many coordinates the entries of a Hessian are written out: half the time of tangents side by side. Fewer gain
# less, and more take longer to compile.
WRITTEN_OUT = range(4, 7)


def cross_entropy_objective(constrain: Callable[[Any], Any], model: Any, source: Any) -> Callable[[Any], Array]:
    """A function free → H(source, constrain(free)).

    A family with parameter-free statistics reads the source once, here; then the function works on a handful of
    numbers. Other models are averaged over the points, in blocks.
    """
    statistics: tuple = getattr(model, "statistics", ())
    if statistics and not any(_moves(statistic) for statistic in statistics):
        summary = summarize(source, statistics)
        return lambda free: -constrain(free).log_prob_of(*summary)
    averaged = any(getattr(statistic, "average", None) for statistic in statistics)
    if isinstance(source, Empirical) and not averaged:
        return PointObjective(constrain, source)
    if not statistics:
        return lambda free: -source.expect(constrain(free).log_prob)

    def by_statistics(free: Any) -> Array:
        q = constrain(free)
        return -q.log_prob_of(*summarize(source, q.statistics))

    return by_statistics


class Penalized:
    """H − log_prior / n: a cross-entropy with one more term, which counts as much as one observation more or less."""

    def __init__(self, plain: Callable[[Any], Array], log_prior: Callable[[Any], Array], total: Array) -> None:
        self.plain = plain

        def penalty(free: Any) -> Array:
            value = jnp.asarray(log_prior(free))
            if value.ndim:
                raise ValueError(
                    f"fit_map: found a log_prior of shape {value.shape}, but a scalar is needed; sum over parameters."
                )
            return -value / total.astype(value.dtype)

        self.penalty = penalty

    def __call__(self, free: Any) -> Array:
        return self.plain(free) + self.penalty(free)

    def second_order(self, point: Array, unravel: Callable[[Array], Any]) -> tuple[Array, Array, Array]:
        """Value, gradient [m] and Hessian [m, m]."""
        both = (second_order(term, point, unravel) for term in (self.plain, self.penalty))
        return jax.tree.map(jnp.add, *both)

    def products(self, point: Array, unravel: Callable[[Array], Any]) -> tuple[Array, Array, Callable, Callable]:
        """Value, gradient [m], the Hessian's product, and its rough inverse: see `certificates.products`."""
        value, gradient, product, rough = products(self.plain, point, unravel)
        penalty, slope, bend, _ = products(self.penalty, point, unravel)
        rows = row_sizes(bend, point)  # exact for a penalty that is a sum over coefficients, whatever the signs
        return value + penalty, gradient + slope, lambda v: product(v) + bend(v), lambda added: rough(added + rows)


def _moves(statistic: Center | Spread) -> bool:
    """Whether a statistic changes with the model's parameters: a Python number is a constant and does not."""
    return statistic.parameter is not None and not isinstance(statistic.parameter, (int, float))


class PointObjective:
    """−Σ wᵢ log q(xᵢ) / Σ wᵢ, summed over blocks of points; it knows its own derivatives (see `second_order`)."""

    def __init__(self, constrain: Callable[[Any], Any], source: Empirical) -> None:
        self.constrain = constrain
        self.source = source

    def __call__(self, free: Any) -> Array:
        # the backward pass computes each block again instead of keeping its intermediates
        block_sum = jax.checkpoint(lambda points, weights: self._sum(free, points, weights))
        total = self.source.reduce(block_sum, LARGE_BLOCK)
        return total / self.source.total.astype(total.dtype)

    def second_order(self, point: Array, unravel: Callable[[Array], Any]) -> tuple[Array, Array, Array]:
        """Value, gradient [m] and Hessian [m, m]: each block's sum is differentiated, never a single point's term."""
        known = self._predictors(point, unravel) or self._components(point, unravel)
        if known is not None:
            return known.second_order()
        size = point.shape[0]
        derive = _entry_by_entry if size in WRITTEN_OUT else _side_by_side

        def derivatives(points: Any, weights: Array) -> tuple[Array, Array, Array]:
            return derive(lambda v: self._sum(unravel(v), points, weights), point)

        sums = self.source.reduce(derivatives, SMALL_BLOCK if size <= 3 else LARGE_BLOCK)
        return jax.tree.map(lambda total: total / self.source.total.astype(total.dtype), sums)

    def products(self, point: Array, unravel: Callable[[Array], Any]) -> tuple[Array, Array, Callable, Callable]:
        """Value, gradient [m], the Hessian's product, and its rough inverse: see `certificates.products`."""
        predictors = self._predictors(point, unravel)
        if predictors is None or not predictors.keeps_products:
            return linearized(self, point, unravel)
        return predictors.products()

    def _predictors(self, point: Array, unravel: Callable[[Array], Any]) -> ByPredictors | None:
        """For a model that is linear in coefficients, which are known by name."""
        free = unravel(point)
        model = self.constrain(free)
        linear = isinstance(free, dict) and getattr(model, "is_linear", False)
        return ByPredictors(self.constrain, self.source, point, unravel) if linear else None

    def _components(self, point: Array, unravel: Callable[[Array], Any]) -> ByComponents | None:
        """For a mixture whose components have coordinates of their own."""
        free = unravel(point)
        turns = turns_of(self.constrain(free), free)
        return None if turns is None else ByComponents(self.constrain, self.source, point, unravel, turns)

    def _sum(self, free: Any, points: Any, weights: Array) -> Array:
        model = self.constrain(free)
        terms = jax.vmap(lambda x: -model.log_prob(x))(points)
        check_terms(terms)
        # a point of weight 0 is removed, even where the model excludes it
        return jnp.sum(select(weights == 0, 0.0, weights.astype(terms.dtype) * terms))


def _side_by_side(f: Callable[[Array], Array], point: Array) -> tuple[Array, Array, Array]:
    """Value, gradient [m] and Hessian [m, m] of f, all tangents at once."""
    (value, gradient), tangent = jax.linearize(jax.value_and_grad(f), point)
    return value, gradient, jax.vmap(tangent)(jnp.eye(point.shape[0], dtype=point.dtype))[1]


def _entry_by_entry(f: Callable[[Array], Array], point: Array) -> tuple[Array, Array, Array]:
    """As `_side_by_side`, of scalars and the lower triangle alone: the compiler drops what no entry needs."""
    places = range(point.shape[0])
    value_and_grad = jax.value_and_grad(lambda *v: f(jnp.stack(v)), argnums=tuple(places))
    (value, gradient), tangent = jax.linearize(value_and_grad, *point)
    rows = [tangent(*basis)[1] for basis in np.eye(point.shape[0], dtype=point.dtype)]
    lower = [jnp.stack([rows[max(i, j)][min(i, j)] for j in places]) for i in places]
    return value, jnp.stack(gradient), jnp.stack(lower)
