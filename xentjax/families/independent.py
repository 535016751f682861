"""Products of independent distributions."""

import dataclasses
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float
from xentjax.families.family import Family, within_support
from xentjax.information import entropy, kl_divergence
from xentjax.sources import Empirical
from xentjax.statistics import About, Center, Spread, from_table, identity, outer, square
from xentjax.supports import Support, vector_of


class Independent(Family):
    """Independent(component): log q(x) = Σ log qᵢ(xᵢ), for vectors x [d].

    A normal distribution with a diagonal covariance is `Independent(Normal(loc, scale))` with vectors loc and scale. A
    fit starts from an instance, which `Independent.near(Gamma, x)` computes from data.

    Args:
      component: one scalar family's instance, or a `Built` with its `support`, all of whose parameters have a trailing
        axis of length d.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> q = xj.Independent(xj.Normal(jnp.zeros(2), jnp.ones(2)))
    >>> round(q.log_prob(jnp.zeros(2)).item(), 5)
    -1.83788

    See also: `numpyro.distributions.Independent(component, 1)`; `MultivariateNormal`, with correlations.
    """

    component: Any = None

    @classmethod
    def near(cls, family: type, x: Any, weights: Any = None) -> Self:
        """The product of the starts of a family's fits to the columns of data [n, d]."""
        return cls(jax.vmap(lambda column: family.start(Empirical(column, weights)), 1)(as_float(x)))  # type: ignore[attr-defined]

    @property
    def support(self) -> Support:  # type: ignore[override]
        return vector_of(self.component.support)

    def ends(self) -> tuple[Any, Any]:
        return self.component.ends()

    def contains(self, x: Array) -> Array:
        return jnp.all(jax.vmap(lambda component, x: component.contains(x))(self.component, x), -1)

    @property
    def statistics(self) -> tuple:  # type: ignore[override]
        return tuple(_by_columns(statistic) for statistic in getattr(self.component, "statistics", ()))

    @property
    def edges(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(f"component.{name}" for name in getattr(self.component, "edges", ()))

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        each = jax.vmap(lambda component, x: component.log_prob(x))(self.component, x)
        return within_support(self.contains(x), x, jnp.sum(each))

    def log_prob_of(self, center: Array, *spreads: Any) -> Array:
        return jnp.sum(jax.vmap(lambda component, *v: component.log_prob_of(*v))(self.component, center, *spreads))

    def expectations(self) -> dict:
        return {identity: self.mean, square: self.variance, outer: jnp.diag(self.variance)}

    def known(self, f: Any) -> Any:
        value = from_table(self.expectations(), f)
        return _component_by_component(self.component, f) if value is None else value

    def order_statistics(self, source: Any) -> dict[str, Array]:
        if not isinstance(source, Empirical) or not hasattr(self.component, "order_statistics"):
            return {}
        columns = as_float(source.data)
        each = jax.vmap(lambda c, x: c.order_statistics(Empirical(x, source.weights)), (0, 1))(self.component, columns)
        return {f"component.{name}": value for name, value in each.items()}

    @property
    def mean(self) -> Array:
        return jax.vmap(lambda component: component.mean)(self.component)

    @property
    def variance(self) -> Array:
        """The variances [d] of the components."""
        return jax.vmap(lambda component: component.variance)(self.component)

    def entropy(self) -> Array:
        """H(self), in nats: the sum of the components' entropies."""
        return jnp.sum(jax.vmap(entropy)(self.component))

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        keys = jax.random.split(key, jnp.shape(jax.tree.leaves(self.component)[0])[-1])
        return jax.vmap(lambda component, key: component.sample(key, shape), out_axes=-1)(self.component, keys)

    def kl_to(self, q: "Independent") -> Array:
        """KL(self‖q), in nats: the sum of the components' divergences."""
        return jnp.sum(jax.vmap(kl_divergence)(self.component, q.component))


def _by_columns(statistic: Any) -> Any:
    """A statistic of numbers as one of vectors [d], whose parameter has that axis too."""
    if not isinstance(statistic, Spread) or statistic.average is None or statistic.parameter is None:
        return statistic  # acts element by element as it is

    def average(x: Array, weights: Any, m: Array) -> Array:
        def column(x: Array, m: Array, parameter: Array) -> Array:
            return statistic.kind(parameter).average(x, weights, m)

        return jax.vmap(column, (1, 0, 0))(as_float(x), m, jnp.broadcast_to(statistic.parameter, m.shape))

    return dataclasses.replace(statistic, average=average)


def _component_by_component(component: Any, f: Any) -> Any:
    """The expectations [d] of a statistic under the components; None where there is no closed form."""
    statistic = f.spread if isinstance(f, About) else f
    if not isinstance(statistic, (Center, Spread)):
        return None
    mean = jax.vmap(lambda c: c.mean)(component)
    at = f.at if isinstance(f, About) else mean

    def one(c: Any, at: Array, parameter: Any) -> Any:
        own: Any = statistic if statistic.parameter is None else statistic.kind(parameter)
        return c.known(own.about(at) if isinstance(f, About) else own)

    parameter = mean if statistic.parameter is None else jnp.broadcast_to(statistic.parameter, mean.shape)
    return jax.vmap(one)(component, at, parameter)
