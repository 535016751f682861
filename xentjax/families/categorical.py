"""The categorical distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax._softmax import (
    label_cross_entropy,
    softmax_cross_entropy,
    softmax_divergence,
    softmax_entropy,
)
from xentjax.cumulants import cumulant
from xentjax.families.family import Family, check_point, within_support
from xentjax.families.whole_numbers import cumulant_of_points
from xentjax.information import probabilities
from xentjax.parameters import Parameter, logits
from xentjax.statistics import identity, indicators, square
from xentjax.supports import COUNTS, Support


class Categorical(Family):
    """Categorical(logits=…): log q(x) = logits[x] − log Σ exp(logits), for x in {0, ..., k − 1}.

    The softmax loss is its cross-entropy. From probabilities: `Categorical.from_probs(p)`. The number of categories
    comes from an instance, so fits start from one; a fit holds the last logit at 0.

    Args:
      logits: real numbers [k]; only their differences matter. −inf is a probability of 0.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> p = xj.Categorical.from_probs(jnp.array([0.5, 0.25, 0.25]))
    >>> round(xj.in_bits(xj.entropy(p)).item(), 6)
    1.5

    See also: `optax.losses.softmax_cross_entropy_with_integer_labels`.
    """

    logits: Parameter = logits()

    @classmethod
    def from_probs(cls, probs: Any) -> Self:
        """From probabilities [k] that sum to 1; a probability of 0 is allowed."""
        return cls(jnp.log(probabilities("Categorical.from_probs", "probs", probs, -1, None)))

    @property
    def probs(self) -> Array:
        """The probabilities [k]."""
        return jax.nn.softmax(self.logits)

    @property
    def support(self) -> Support:  # type: ignore[override]
        size = jnp.shape(self.logits)[-1]

        def contains(x: Array) -> Array:
            x = as_float(x)  # in which `size` has a place, as it may not have in the type of the labels
            return COUNTS.contains(x) & (x < size)

        name = f"a whole number from 0 to {size - 1}"
        return Support(name, contains, 0, low=0.0, high=size - 1.0, discrete=True)

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (indicators(jnp.shape(self.logits)[-1]),)

    def log_prob(self, x: Any) -> Array:
        logits = jnp.asarray(self.logits)
        if logits.ndim != 1:
            raise ValueError(
                f"Categorical.log_prob: found logits of shape {logits.shape}, but those of one distribution, [k], are "
                "needed; for several use jax.vmap(lambda logits, x: Categorical(logits).log_prob(x))(logits, labels)."
            )
        check_point(self, x)
        within = self.support.contains(x)
        index = select(within, jnp.asarray(x).astype(int), 0)
        return within_support(within, x, -label_cross_entropy(logits, index))

    def log_prob_of(self, frequencies: Array) -> Array:
        return -softmax_cross_entropy(frequencies, jnp.asarray(self.logits))

    def expectations(self) -> dict:
        size = jnp.shape(self.logits)[-1]
        known = {indicators: lambda k: self.probs if k == size else None}
        values = jnp.arange(size, dtype=jnp.result_type(self.probs))
        moments = {identity: self.mean, square: self.variance}
        return {**known, **moments, cumulant: cumulant_of_points(values, jax.nn.log_softmax(self.logits), self.mean)}

    @property
    def mean(self) -> Array:
        return self.probs @ jnp.arange(jnp.shape(self.logits)[-1], dtype=jnp.result_type(self.probs))

    @property
    def variance(self) -> Array:
        values = jnp.arange(jnp.shape(self.logits)[-1], dtype=jnp.result_type(self.probs))
        deviations = jnp.broadcast_to(values, self.probs.shape) - self.mean[..., None]
        return jnp.sum(self.probs * deviations**2, -1)

    def entropy(self) -> Array:
        """H(self), in nats."""
        return softmax_entropy(jnp.asarray(self.logits))

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        return jax.random.categorical(key, jnp.asarray(self.logits), shape=shape)

    def kl_to(self, q: "Categorical") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        return softmax_divergence(*jnp.broadcast_arrays(self.logits, q.logits))

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        return jnp.arange(jnp.shape(self.logits)[-1]), self.probs
