"""The categorical distribution."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import expm1_minus
from xentjax.cumulants import cumulant
from xentjax.families.family import Family, within_support
from xentjax.families.whole_numbers import cumulant_of_points
from xentjax.information import probabilities
from xentjax.parameters import COUNTS, Parameter, Support, logits
from xentjax.statistics import identity, indicators, square


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
            return COUNTS.contains(x) & (x < size)

        name = f"a whole number from 0 to {size - 1}"
        return Support(name, contains, 0, low=0.0, high=size - 1.0, discrete=True)

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return (indicators(jnp.shape(self.logits)[-1]),)

    def log_prob(self, x: Any) -> Array:
        within = self.support.contains(x)
        index = jnp.where(within, x, 0).astype(int)
        return within_support(within, x, jax.nn.log_softmax(self.logits)[index])

    def log_prob_of(self, frequencies: Array) -> Array:
        present = frequencies != 0
        # a category that never occurs contributes 0 even when its logit is −inf
        return jnp.sum(jnp.where(present, frequencies * jax.nn.log_softmax(self.logits), 0.0), -1)

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
        p = jnp.where(self.probs > 0, self.probs, 1.0)
        return -jnp.sum(p * jnp.log(p), -1)

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        return jax.random.categorical(key, jnp.asarray(self.logits), shape=shape)

    def kl_to(self, q: "Categorical") -> Array:
        """KL(self‖q), in nats, without cancellation."""
        p, present = self.probs, self.probs > 0
        far = jnp.sum(jnp.where(present, p * (jax.nn.log_softmax(self.logits) - jax.nn.log_softmax(q.logits)), 0.0))
        # log(q / p) = e − log Σ p exp(e) for the differences e of the logits, shifted to their p-weighted mean
        e = jnp.where(present, q.logits - jnp.where(present, self.logits, 0.0), 0.0)
        e = jnp.where(present, e - jnp.sum(p * e), 0.0)
        near = jnp.all(present) & (jnp.max(e) < 50)
        close = jnp.log1p(jnp.sum(p * expm1_minus(jnp.where(near, e, 0.0))))
        return jnp.where(near, close, far)

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        return jnp.arange(jnp.shape(self.logits)[-1]), self.probs
