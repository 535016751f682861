"""Derivatives of a mixture's cross-entropy by way of its components.

With the responsibilities rₖ, and the score sₖ and the curvature Hₖ of log weightₖ + log qₖ,

    ∇ log q = Σₖ rₖ sₖ,    ∇² log q = Σₖ rₖ (Hₖ + (1 − rₖ) sₖ sₖᵀ) − Σ_{j ≠ k} rⱼ rₖ sⱼ sₖᵀ    (Louis, 1982).

No component knows another's parameters, so that one pass over the points gives the derivatives of all components in
the first parameter of each, another those in the second. The logit of its weight is a parameter of a component as well,
but for the constant log Σ exp(logits).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._select import select
from xentjax.models.mixture import UNROLLED, Mixture
from xentjax.parameters import places
from xentjax.sources import Empirical, check_terms

# Points per block: the second derivatives of all components should stay in the second-level cache.
BLOCK = 1024

# Components with more parameters are differentiated with all the rest at once: their second derivatives at each point
# are as many as the square of this number, and from nine on, normals of three numbers, they take as long.
WIDEST = 6


class ByComponents:
    """The derivatives of a mixture's cross-entropy at a point whose coordinates have names."""

    def __init__(
        self, constrain: Callable[[Any], Any], source: Empirical, point: Array, unravel: Callable, turns: np.ndarray
    ) -> None:
        self.constrain, self.source, self.point, self.unravel = constrain, source, point, unravel
        self.turns = turns  # see `turns_of`

    def second_order(self) -> tuple[Array, Array, Array]:
        """Value, gradient [m] and Hessian [m, m]."""
        sums = self.source.reduce(self._of_block, BLOCK)
        value, gradient, hessian = jax.tree.map(lambda leaf: -leaf / self.source.total.astype(leaf.dtype), sums)
        found = self.turns.ravel()
        order = np.argsort(found)[np.sum(found < 0) :]
        return value, gradient[order], hessian[order][:, order]

    def _of_block(self, points: Any, counts: Array) -> tuple[Array, Array, Array]:
        """Σ log q over the points of a block, its gradient and Hessian, in the coordinates of the turns [t k]."""
        weights = self.constrain(self.unravel(self.point)).weights
        shares, log_prob, scores, curvatures = self._of_components(points)
        counts = counts.astype(log_prob.dtype)
        # a point of weight 0 is removed, even where the model excludes it
        value = jnp.sum(select(counts == 0, 0.0, counts * log_prob))
        counted = counts[None, :] * shares
        bends = jnp.pad(jnp.einsum("kn,ijkn->ikj", counted, curvatures), ((1, 0), (0, 0), (1, 0)))
        spread = _spread_by_pairs if weights.size <= UNROLLED else _spread
        hessian = spread(scores, counted, shares) + select(_same(weights.size)[None, :, None], bends[..., None], 0.0)

        # the constant log Σ exp(logits of the weights), whose turn is the first
        total = jnp.sum(counts)
        first = np.arange(len(self.turns)) == 0
        constant = total * (jnp.diag(weights) - weights[:, None] * weights[None, :])
        hessian -= select((first[:, None] & first[None, :])[:, None, :, None], constant[None, :, None, :], 0.0)
        slopes = jnp.einsum("kn,ikn->ik", counted, scores)
        gradient = slopes - select(first[:, None], total * weights[None, :], 0.0)
        return value, gradient.ravel(), hessian.reshape(gradient.size, -1)

    def _of_components(self, points: Any) -> tuple[Array, Array, Array, Array]:
        """The shares rₖ [k, n], log q [n], the scores [t, k, n], and the curvatures without the first turn."""
        moves = (self.turns[1:, :, None] == np.arange(self.point.size)).any(1).astype(self.point.dtype)  # [t - 1, m]

        def each(point: Array) -> tuple[Array, tuple]:
            mixture = self.constrain(self.unravel(point))
            log_probs, log_prob, shares = jax.vmap(mixture.log_probs, out_axes=(1, 0, 1))(points)
            check_terms(log_prob)
            return jnp.concatenate(log_probs), (jnp.concatenate(shares), log_prob)

        def slopes(point: Array) -> tuple[Array, tuple]:
            log_probs, push, (shares, log_prob) = jax.linearize(each, point, has_aux=True)
            found = jax.vmap(push)(moves)
            return found, (shares, log_prob, jnp.concatenate([jnp.ones_like(log_probs)[None], found]))

        _, push, found = jax.linearize(slopes, self.point, has_aux=True)
        return *found, jax.vmap(push)(moves)


def _same(k: int) -> np.ndarray:
    """Of each pair of k components, whether they are the same one [k, k]."""
    return np.eye(k, dtype=bool)


def _spread(scores: Array, counted: Array, shares: Array) -> Array:
    """How the scores [t, k, n] vary with the component that a point belongs to, summed over the points [t, k, t, k]."""
    unlike = 1 - jnp.eye(len(shares), dtype=shares.dtype)
    others = unlike @ shares  # without the cancellation of 1 − rₖ
    squares = jnp.einsum("ikn,jkn->ikj", (counted * others)[None] * scores, scores)
    products = jnp.einsum("ikn,jln->ikjl", counted[None] * scores, shares[None] * scores)
    return select(_same(len(shares))[None, :, None], squares[..., None], -products)


def _spread_by_pairs(scores: Array, counted: Array, shares: Array) -> Array:
    """As `_spread`, in one product: of few components in two thirds of the time, of many in several times as long."""
    same = _same(len(shares))[..., None]
    others = jnp.sum(select(same, 0.0, shares[None]), 1)
    pairs = counted[:, None] * select(same, others[:, None], -shares[None])  # [k, l, n]
    return jnp.einsum("ikln,jln->ikjl", pairs[None] * scores[:, :, None], scores)


def turns_of(model: Any, free: Any) -> np.ndarray | None:
    """The places [t, k] among all coordinates [m] of a mixture's, turn by turn; −1 where there is none.

    In the first turn are the logits of the components' weights, of which the last has none, in the second the first
    parameter of each component, and so on. None for what is no mixture, and for components with more than `WIDEST`
    parameters or without any.
    """
    # what has a density of its own is more than its components
    if not (isinstance(model, Mixture) and type(model).log_prob is Mixture.log_prob and isinstance(free, dict)):
        return None
    components, k = model.checked(), model.weights.shape[0]
    weights = np.full(k, -1)
    own: list[list[int]] = [[] for _ in range(k)]
    for name, found in places(free).items():
        field, _, rest = name.partition(".")
        if field == "weights":
            weights[: found.size] = found
        elif field != "components":
            return None
        elif isinstance(components, tuple):
            own[int(rest.partition(".")[0])].extend(found.ravel())
        else:
            for entries, mine in zip(own, found, strict=True):
                entries.extend(mine.ravel())
    widest = max(map(len, own))
    if not 0 < widest <= WIDEST:
        return None
    return np.array([weights, *np.array([entries + [-1] * (widest - len(entries)) for entries in own]).T])
