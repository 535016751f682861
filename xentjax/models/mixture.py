"""Finite mixtures: a model, and a source whose expectations are those of its components."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax.families.family import Family
from xentjax.parameters import Parameter, Support, simplex
from xentjax.statistics import identity, square, summarize


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

    def ends(self) -> tuple[Any, Any]:
        low, high = self.components.ends()
        return low if isinstance(low, float) else jnp.min(low), high if isinstance(high, float) else jnp.max(high)

    def tails(self, x: Array) -> tuple[Array, Array]:
        each = jax.vmap(lambda component: (component.log_cdf(x), component.log_survival(x)))(self.components)
        below, above = (jax.nn.logsumexp(tail, b=jnp.asarray(self.weights)) for tail in each)
        return below, above

    def coordinate(self) -> tuple[Array, Array]:
        weights, (loc, scale) = (
            jnp.asarray(self.weights),
            jax.vmap(lambda component: component.coordinate())(self.components),
        )
        center = weights @ loc
        return center, jnp.sqrt(weights @ (scale**2 + (loc - center) ** 2))

    def log_prob(self, x: Any) -> Array:
        each = jax.vmap(lambda component: component.log_prob(x))(self.components)
        # no component reaches x: −inf, where log-sum-exp would give NaN derivatives
        reached = ~jnp.all(each == -jnp.inf)
        terms = jnp.where(reached, each, 0.0) + jnp.log(self.weights)
        return jnp.where(reached, jax.nn.logsumexp(terms), -jnp.inf)

    def expect(self, f: Callable[[Any], Any]) -> Any:
        """Σₖ weightsₖ E_k[f(x)]."""
        each = jax.vmap(lambda component: component.expect(f))(self.components)
        return jax.tree.map(lambda values: jnp.tensordot(jnp.asarray(self.weights), values, 1), each)

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
            return jax.tree.map(lambda leaf: leaf[which], self.components).sample(second)

        flat = jax.vmap(draw)(jax.random.split(key, shape).reshape(-1))
        return flat.reshape(shape + flat.shape[1:])

    def left_out(self, points: Array) -> Array:
        each = points.reshape(jnp.size(self.weights), -1)
        return jnp.asarray(self.weights) @ jax.vmap(lambda component, own: component.left_out(own))(
            self.components, each
        )

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        points, weights = jax.vmap(lambda component: component.quadrature_rule(num_points))(self.components)
        return points.reshape(-1), (jnp.asarray(self.weights)[:, None] * weights).reshape(-1)
