"""Finite mixtures: a model, and a source whose expectations are those of its components."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax.families.family import Family
from xentjax.parameters import Parameter, simplex
from xentjax.statistics import identity, square, summarize
from xentjax.supports import Support


class Mixture(Family):
    """Mixture(weights, components): log q(x) = log Σₖ weightsₖ exp(log qₖ(x)).

    The number of components comes from an instance; a fit starts from it. As a source it knows every expectation its
    components know.

    Args:
      weights: probabilities [k].
      components: one family's instance whose parameters have a leading axis of length k.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> p = xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array([-1.0, 1.0]), jnp.ones(2)))
    >>> p.variance.item()
    2.0

    See also: `numpyro.distributions.MixtureSameFamily`, whose weights are a distribution object.
    """

    weights: Parameter = simplex()
    components: Any = None

    @property
    def support(self) -> Support:  # type: ignore[override]
        return self.components.support

    def _stacked(self) -> Any:
        """The components, checked to be one model whose every parameter has one value for each weight."""
        k = jnp.shape(self.weights)
        shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(self.components)]
        if not hasattr(self.components, "log_prob") or any(shape[:1] != k for shape in shapes):
            raise ValueError(
                f"Mixture: found {k[0] if k else 0} weights and components with parameters of shapes "
                f"{', '.join(map(str, dict.fromkeys(shapes)))}, but one instance, each of whose parameters has one "
                "value for each weight on a leading axis, is needed, as in Mixture([0.5, 0.5], Normal([0.0, 1.0], "
                "[1.0, 1.0]))."
            )
        return self.components

    def ends(self) -> tuple[Any, Any]:
        low, high = self.components.ends()
        counts = jnp.asarray(self.weights) != 0
        return (
            low if isinstance(low, float) else jnp.min(jnp.where(counts, low, jnp.inf)),
            high if isinstance(high, float) else jnp.max(jnp.where(counts, high, -jnp.inf)),
        )

    def tails(self, x: Array) -> tuple[Array, Array]:
        each = jax.vmap(lambda component: (component.log_cdf(x), component.log_survival(x)))(self._stacked())
        below, above = (jax.nn.logsumexp(tail, b=jnp.asarray(self.weights)) for tail in each)
        return below, above

    def coordinate(self) -> tuple[Array, Array]:
        weights, (loc, scale) = (
            jnp.asarray(self.weights),
            jax.vmap(lambda component: component.coordinate())(self._stacked()),
        )
        center = weights @ loc
        return center, jnp.sqrt(weights @ (scale**2 + (loc - center) ** 2))

    def log_prob(self, x: Any) -> Array:
        each = jax.vmap(lambda component: component.log_prob(x))(self._stacked())
        weights = jnp.asarray(self.weights)
        # log-sum-exp of each + log(weight) about the largest term that counts; a weight of 0 has a derivative
        counts = (weights > 0) & (each > -jnp.inf)
        reached = jnp.any(counts) | jnp.any(jnp.isnan(each) | jnp.isnan(weights))
        top = jax.lax.stop_gradient(jnp.max(jnp.where(counts, each, -jnp.inf)))
        ratios = jnp.exp(jnp.minimum(each - jnp.where(reached, top, 0.0), 80.0))
        return jnp.where(reached, top + jnp.log(jnp.where(reached, jnp.sum(weights * ratios), 1.0)), -jnp.inf)

    def expect(self, f: Callable[[Any], Any]) -> Any:
        """Σₖ weightsₖ E_k[f(x)]."""
        each = jax.vmap(lambda component: component.expect(f))(self._stacked())
        weights = jnp.asarray(self.weights)

        def average(values: Array) -> Array:
            # a component of weight 0 may have no expectation
            counts = (weights != 0).reshape((-1,) + (1,) * (values.ndim - 1))
            return jnp.tensordot(weights, jnp.where(counts, values, 0.0), 1)

        return jax.tree.map(average, each)

    @property
    def mean(self) -> Array:
        return self.expect(identity)

    @property
    def variance(self) -> Array:
        return summarize(self, (identity, square))[1]

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        def draw(key: Array) -> Array:
            first, second = jax.random.split(key)
            which = jax.random.categorical(first, jnp.log(self.weights))
            return jax.tree.map(lambda leaf: leaf[which], self._stacked()).sample(second)

        flat = jax.vmap(draw)(jax.random.split(key, shape).reshape(-1))
        return flat.reshape(shape + flat.shape[1:])

    def left_out(self, points: Array) -> Array:
        each = points.reshape(jnp.size(self.weights), -1)
        return jnp.asarray(self.weights) @ jax.vmap(lambda component, own: component.left_out(own))(
            self.components, each
        )

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        points, weights = jax.vmap(lambda component: component.quadrature_rule(num_points))(self._stacked())
        return points.reshape(-1), (jnp.asarray(self.weights)[:, None] * weights).reshape(-1)
