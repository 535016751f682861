"""Derivatives of a mixture's cross-entropy by way of its components.

The log-density of a component depends on its own parameters alone. So one pass over the points gives the derivatives of
all components in the first parameter of each, another those in the second; what couples components are products of
their scores (Louis, 1982):

    ∇² log q = Σₖ rₖ (∇² log qₖ + sₖ sₖᵀ) − s sᵀ,    s = Σₖ rₖ sₖ,

with the responsibilities rₖ and the scores sₖ of the components; and likewise in the logits of the weights.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax.sources import Empirical, check_terms

# Points per block: the second derivatives of all components should stay in the second-level cache.
BLOCK = 1024

# Of components with more parameters than this all second derivatives at each point cost more than those of the sum.
WIDEST = 6


class ByComponents:
    """The derivatives of a mixture's cross-entropy at a point whose coordinates have names.

    The coordinates of the components are taken in turns: the first of each component, the second of each, ... Where a
    component has fewer than another, a place stands empty.
    """

    def __init__(
        self, constrain: Callable[[Any], Any], source: Empirical, point: Array, unravel: Callable, turns: np.ndarray
    ) -> None:
        self.constrain, self.source, self.point, self.unravel = constrain, source, point, unravel
        self.turns = turns  # [t, k] places among the coordinates [m], −1 where there is none
        self.of_weights = np.setdiff1d(np.arange(point.size), turns)

    def second_order(self) -> tuple[Array, Array, Array]:
        """Value, gradient [m] and Hessian [m, m]."""
        sums = self.source.reduce(self._of_block, BLOCK)
        value, gradient, hessian = jax.tree.map(lambda leaf: -leaf / self.source.total.astype(leaf.dtype), sums)
        found = np.concatenate([self.of_weights, self.turns.ravel()])
        order = np.argsort(found)[np.sum(found < 0) :]
        return value, gradient[order], hessian[order][:, order]

    def _of_block(self, points: Any, counts: Array) -> tuple[Array, Array, Array]:
        """Σ log q over the points of a block, its gradient and Hessian, in the weights and then turn by turn."""
        weights = self.constrain(self.unravel(self.point)).weights
        log_probs, log_prob, scores, bends = self._of_components(points)
        # a point of weight 0 is removed, even where the model excludes it
        counts = counts.astype(log_prob.dtype)
        value = jnp.sum(jnp.where(counts == 0, 0.0, counts * log_prob))
        used = (counts != 0) & (log_prob > -jnp.inf)
        shares = jnp.exp(jnp.log(weights)[:, None] + log_probs - log_prob[None, :])
        shares = jnp.where(used[None, :], shares, 0.0)  # [k, n]
        counted = counts[None, :] * shares

        turn, component = np.indices(self.turns.shape).reshape(2, -1)
        scores = scores.reshape(-1, *counts.shape)  # [t k, n]
        parts = jnp.tile(shares, (len(self.turns), 1)) * scores
        bends = jnp.einsum("kn,ijkn->ijk", counted, bends)[turn[:, None], turn[None, :], component[:, None]]
        same = component[:, None] == component[None, :]
        within = jnp.where(same, (counts[None, :] * parts) @ scores.T + bends, 0.0)

        # in the logits of the weights, up to that of the last, the score of component k is eₖ − weights
        first, masses = weights[: self.of_weights.size], counted.sum(1)
        logits = jnp.eye(weights.size, first.size, dtype=weights.dtype) - first[None, :]  # [k, p]
        slopes = jnp.concatenate([shares[: first.size] - first[:, None], parts])
        gradient = slopes @ counts
        between = logits[component].T * gradient[None, first.size :]
        of_weights = (masses[:, None] * logits).T @ logits - masses.sum() * first[:, None] * logits[: first.size]
        linear = jnp.block([[of_weights, between], [between.T, within]])
        return value, gradient, linear - (counts[None, :] * slopes) @ slopes.T

    def _of_components(self, points: Any) -> tuple[Array, Array, Array, Array]:
        """log qₖ [k, n], log q [n], and the first [t, k, n] and second derivatives [t, t, k, n] of log qₖ."""
        moves = (self.turns[:, :, None] == np.arange(self.point.size)).any(1).astype(self.point.dtype)  # [t, m]

        def each(point: Array) -> tuple[Array, Array]:
            mixture = self.constrain(self.unravel(point))
            log_probs, log_prob = jax.vmap(mixture.log_probs, out_axes=(1, 0))(points)
            check_terms(log_prob)
            return jnp.concatenate(log_probs), log_prob

        def scores(point: Array) -> tuple[Array, tuple]:
            log_probs, push, log_prob = jax.linearize(each, point, has_aux=True)
            found = jax.vmap(push)(moves)
            return found, (log_probs, log_prob, found)

        _, push, found = jax.linearize(scores, self.point, has_aux=True)
        return *found, jax.vmap(push)(moves)


def turns_of(model: Any, free: Any) -> np.ndarray | None:
    """Where the coordinates of a mixture's components are among all [m]: [t, k], turn by turn.

    None for a model that is no mixture, whose components are too wide, or share coordinates.
    """
    if not (hasattr(model, "log_probs") and isinstance(free, dict)):
        return None
    own: list[list[int]] = [[] for _ in model.weights]
    start = 0
    for name in sorted(free):  # the order of `ravel_pytree`
        found = start + np.arange(np.size(free[name])).reshape(np.shape(free[name]))
        start += found.size
        _, _, rest = name.partition(".")
        if name == "weights":
            continue
        if isinstance(model.components, tuple):
            own[int(rest.partition(".")[0])].extend(found.ravel())
        elif found.shape[:1] == model.weights.shape:
            for places, mine in zip(own, found, strict=True):
                places.extend(mine.ravel())
        else:
            return None
    widest = max(map(len, own))
    if not 0 < widest <= WIDEST:
        return None
    return np.array([places + [-1] * (widest - len(places)) for places in own]).T
