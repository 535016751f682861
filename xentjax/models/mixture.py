"""Finite mixtures: a model, and a source whose expectations are those of its components."""

import functools
from collections.abc import Callable, Collection
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._select import select
from xentjax.families.family import Family
from xentjax.models.groups import groups_of
from xentjax.models.starts import is_open, started
from xentjax.parameters import Parameter, named_leaves, simplex
from xentjax.records import numbers_to_arrays
from xentjax.sources import Empirical
from xentjax.statistics import identity, square, summarize
from xentjax.supports import NON_NEGATIVE, POSITIVE, REAL, Support, reaches_beyond

# up to so many components are written out, each a loop over the points: half the time of loops over the components
UNROLLED = 3


class Mixture(Family):
    """Mixture(weights, components): log q(x) = log Σₖ weightsₖ exp(log qₖ(x)).

    The likelihood has several maxima, and where a component can collapse on a point none at all: a fit ends in the
    maximum that it descends to. `num_starts=20, key=jax.random.key(0)` looks for others. The labels of components
    can be exchanged; `sorted_by` puts them in an order. As a source a mixture knows every expectation that its
    components know.

    Args:
      weights: probabilities [k]; their number is that of the components. A weight of 0 leaves its component out.
      components: one instance of any model whose parameters have a leading axis of length k; or k models in a tuple,
        which may differ; or a class, or a combination with one inside, as Mixture(jnp.ones(3) / 3, Normal). A fit
        then starts from groups of the data: for numbers, along the sorted data in the shares of `weights`; for
        vectors, and the pairs (x, y) of conditional models, around k centres (k-means). A few percent of all data
        belong to each group, so that none is a single value.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> p = xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array([-1.0, 1.0]), jnp.ones(2)))
    >>> p.variance.item()
    2.0
    >>> x = jnp.concatenate([jnp.linspace(-3.0, -1.0, 20), jnp.linspace(2.0, 6.0, 30)])
    >>> fit = xj.fit_mle(xj.Mixture([0.5, 0.5], xj.Normal), x).check()
    >>> fit.model.weights.round(2).tolist()
    [0.4, 0.6]

    See also: `numpyro.distributions.MixtureSameFamily`, whose weights are a distribution object;
    `estimators.expectation_maximization`, which climbs slowly and never descends.
    """

    weights: Parameter = simplex()
    components: Any = None

    def __post_init__(self) -> None:
        numbers_to_arrays(self)
        if jnp.ndim(self.weights) == 0:
            raise ValueError(
                f"Mixture: found one weight, {self.weights}, but a vector of probabilities, one for each component, is "
                f"needed; write [{self.weights}, {1 - self.weights}] for two."
            )
        if isinstance(self.components, list):
            object.__setattr__(self, "components", tuple(self.components))
        if not isinstance(self.components, tuple) and not hasattr(self.components, "log_prob"):
            raise TypeError(
                f"Mixture: found {self.components!r} as the components, but a model with log_prob is needed, as in "
                "Mixture([0.5, 0.5], Normal), or a tuple of such."
            )

    @property
    def support(self) -> Support:  # type: ignore[override]
        if isinstance(self.components, tuple):
            return _widest(tuple(component.support for component in self.components))
        return self.components.support

    @property
    def batched(self) -> tuple[str, ...]:
        """The fields whose parts have a leading axis, as in them each component is a lane."""
        return () if isinstance(self.components, tuple) else ("components",)

    def checked(self) -> Any:
        """The components: one model whose every parameter has one value for each weight, or a model for each."""
        k, components = jnp.shape(self.weights), self.components
        if isinstance(components, tuple):
            if k == (len(components),) and all(hasattr(part, "log_prob") for part in components):
                return self._with_values()
            raise ValueError(
                f"Mixture: found {k[0] if k else 0} weights and a tuple of {len(components)} components, "
                f"{', '.join(type(part).__name__ for part in components)}, but one model with log_prob for each weight "
                "is needed."
            )
        components = self._with_values()
        shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(components)]
        if not hasattr(components, "log_prob") or any(shape[:1] != k for shape in shapes):
            raise ValueError(
                f"Mixture: found {k[0] if k else 0} weights and components with parameters of shapes "
                f"{', '.join(map(str, dict.fromkeys(shapes)))}, but one instance, each of whose parameters has one "
                "value for each weight on a leading axis, is needed, as in Mixture([0.5, 0.5], Normal([0.0, 1.0], "
                "[1.0, 1.0])), or a tuple of models, or a class that a fit starts from data."
            )
        return components

    def _with_values(self) -> Any:
        if is_open(self.components):
            raise ValueError(
                f"Mixture: found components that are to start from data, {self.components!r}, but values are needed; "
                "fit it, and use the model of the fit, or give instances."
            )
        return self.components

    def check_held(self, names: Collection[str]) -> None:
        """An error for components with parameters, as the ends of Uniform, that only a search of its own could move."""
        several = isinstance(self.components, tuple)
        parts = enumerate(self.components) if several else [("", self.components)]
        edges = [
            f"components.{k}.{name}" if several else f"components.{name}"
            for k, part in parts
            for name in getattr(part, "edges", ())
        ]
        if moving := [name for name in edges if name not in names]:
            raise ValueError(
                f"Mixture: found {', '.join(moving)} to fit, but parameters in which the likelihood is smooth are "
                "needed, and in these it has jumps or corners at the observations; hold them with fixed={name: values}."
            )

    def _each(self, f: Callable[[Any], Any]) -> Any:
        """f of each component, stacked on a leading axis [k]."""
        components = self.checked()
        if isinstance(components, tuple):
            return jax.tree.map(lambda *values: jnp.stack(values), *map(f, components))
        return jax.vmap(f)(components)

    def start(self, source: Any = None) -> "Mixture":  # type: ignore[override]
        """The mixture to start a fit from, where components are classes: each near its best for a group of the data.

        Raises:
          TypeError: the source has no points to group; or the components' own class has no start.
        """
        if source is None:  # of the class: `Mixture.start(source)`
            return Family.start.__func__(Mixture, self)  # type: ignore[attr-defined]
        if not isinstance(source, Empirical):
            raise TypeError(
                f"fit: found {type(source).__name__} as the source of a Mixture whose components start from data, but "
                "points are needed to group; use quadrature(p) or monte_carlo(p, key, num_samples) as the source, or "
                "start from an instance."
            )
        groups = groups_of(source, jnp.asarray(self.weights))

        def near(component: Any, group: Array) -> Any:
            return started(component, Empirical(source.data, group, source.drawn))

        if isinstance(self.components, tuple):
            if len(self.components) != len(groups):
                self.checked()  # says so
            return Mixture(self.weights, tuple(map(near, self.components, groups)))
        return Mixture(self.weights, jax.vmap(functools.partial(near, self.components))(groups))

    def ends(self) -> tuple[Any, Any]:
        if isinstance(self.components, tuple):
            lows, highs = zip(*(component.ends() for component in self.checked()), strict=True)
        else:
            lows, highs = self.components.ends()
        return self._end(lows, jnp.min, jnp.inf), self._end(highs, jnp.max, -jnp.inf)

    def _end(self, ends: Any, extreme: Callable, nothing: float) -> Any:
        """The outermost end of the components that count."""
        values = ends if isinstance(ends, tuple) else (ends,)
        if all(isinstance(end, float) for end in values):
            return min(values) if nothing > 0 else max(values)
        if isinstance(ends, tuple):
            ends = jnp.stack([jnp.asarray(end, self.weights.dtype) for end in ends])
        return extreme(select(_along(self.weights != 0, ends), ends, nothing), 0)

    def tails(self, x: Array) -> tuple[Array, Array]:
        each = self._each(lambda component: (component.log_cdf(x), component.log_survival(x)))
        below, above = (jax.nn.logsumexp(tail, 0, b=_along(jnp.asarray(self.weights), tail)) for tail in each)
        return below, above

    def coordinate(self) -> tuple[Array, Array]:
        support, dtype = self.support, self.weights.dtype
        loc, scale = self._each(lambda component: _coordinate(component, support, dtype))
        center = self.weights @ loc
        return center, jnp.sqrt(self.weights @ (scale**2 + (loc - center) ** 2))

    def log_prob(self, x: Any) -> Array:
        return self.log_probs(x)[1]

    def log_probs(self, x: Any) -> tuple[tuple[Array, ...], Array, tuple[Array, ...]]:
        """log qₖ(x) of the components, one by one [1, ...] or together [k, ...], log q(x), and the responsibilities."""
        components, weights = self.checked(), jnp.asarray(self.weights)
        if not isinstance(components, tuple) and weights.shape[0] > UNROLLED:
            together = (jax.vmap(lambda component: component.log_prob(x))(components),)
            return together, *_log_sum((weights,), together)
        each = tuple(part.log_prob(x)[None] for part in _unstacked(components, weights.shape[0]))
        return each, *_log_sum(tuple(weights[:, None]), each)

    def at(self, x: Any) -> "Mixture":
        """The distribution of y at the covariates x of one observation, of components that are regressions.

        `jax.vmap(model.at)(xs)` gives one for each.

        >>> import jax.numpy as jnp
        >>> import xentjax as xj
        >>> x = jnp.linspace(0.0, 1.0, 20)
        >>> y = jnp.where(jnp.arange(20) % 2 == 0, 1.0 + x, -x) + 0.01 * jnp.cos(9 * x)
        >>> line = xj.Regression(xj.Normal, loc=xj.Linear())
        >>> fit = xj.fit_mle(xj.Mixture([0.5, 0.5], line), (x, y)).check()
        >>> jnp.sort(fit.model.at(1.0).components.loc).round(1).tolist()
        [-1.0, 2.0]
        """
        components = self.checked()
        if isinstance(components, tuple):
            return Mixture(self.weights, tuple(part.at(x) for part in components))
        return Mixture(self.weights, jax.vmap(lambda part: part.at(x))(components))

    def responsibilities(self, x: Any) -> Array:
        """P(component k | x) = weightsₖ qₖ(x) / q(x) [k]: which component a point came from.

        0 for a component of weight 0; NaN at a point that every component excludes. Of an array of numbers [...] it is
        [..., k]; over vectors and pairs `jax.vmap` maps.

        >>> import jax.numpy as jnp
        >>> import xentjax as xj
        >>> p = xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array([-1.0, 1.0]), jnp.ones(2)))
        >>> p.responsibilities(1.0).round(4).tolist()
        [0.1192, 0.8808]

        See also: `sklearn.mixture.GaussianMixture.predict_proba`.
        """
        return jnp.exp(self.log_responsibilities(x))

    def log_responsibilities(self, x: Any) -> Array:
        """log P(component k | x) [k] in nats, accurate where a probability is too small for a float; see there."""
        each = self._each(lambda component: component.log_prob(x))
        return jax.nn.log_softmax(jnp.moveaxis(each + _along(jnp.log(self.weights), each), 0, -1))

    def sorted_by(self, name: str) -> "Mixture":
        """The same distribution with its components in increasing order of one parameter, as "loc" or "weights".

        The labels of components mean nothing, so that fits to be compared need an order. Vectors are sorted by their
        first entry. Works under `jit` and `vmap`.

        Raises:
          TypeError: the components are a tuple, whose members are told apart by what they are.
          ValueError: there is no such parameter.

        >>> import jax.numpy as jnp
        >>> import xentjax as xj
        >>> xj.Mixture(jnp.array([0.3, 0.7]), xj.Poisson(jnp.array([5.0, 1.0]))).sorted_by("rate")
        Mixture(weights=[0.7, 0.3], components.rate=[1., 5.])
        """
        if isinstance(self.components, tuple):
            raise TypeError(
                f"Mixture.sorted_by: found a tuple of components to sort by {name!r}, but one instance with the "
                "components along its leading axis is needed; a tuple keeps the order in which it was given."
            )
        keys = {leaf.name: leaf.value for leaf in named_leaves(self.checked()) if leaf.is_parameter}
        keys["weights"] = self.weights
        if name not in keys:
            raise ValueError(
                f"Mixture.sorted_by: found {name!r}, but the parameters are {', '.join(keys)}; use one of these names."
            )
        order = jnp.argsort(keys[name].reshape(jnp.size(self.weights), -1)[:, 0])
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[order], self)

    def expect(self, f: Callable[[Any], Any]) -> Any:
        """Σₖ weightsₖ E_k[f(x)]."""
        each = self._each(lambda component: component.expect(f))
        weights = jnp.asarray(self.weights)

        def average(values: Array) -> Array:
            # a component of weight 0 may have no expectation
            return jnp.tensordot(weights, select(_along(weights != 0, values), values, 0.0), 1)

        return jax.tree.map(average, each)

    @property
    def mean(self) -> Array:
        return self.expect(identity)

    @property
    def variance(self) -> Array:
        """The variance; of vectors the variances [d] of their entries."""
        return summarize(self, (identity, square))[1]

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        components, k = self.checked(), self.weights.shape[0]

        def one(key: Array) -> Array:
            first, *keys = jax.random.split(key, k + 1 if isinstance(components, tuple) else 2)
            which = jax.random.categorical(first, jnp.log(self.weights))
            if isinstance(components, tuple):
                return jnp.stack([part.sample(own) for part, own in zip(components, keys, strict=True)])[which]
            return jax.tree.map(lambda leaf: leaf[which], components).sample(keys[0])

        flat = jax.vmap(one)(jax.random.split(key, shape).reshape(-1))
        return flat.reshape(shape + flat.shape[1:])

    def left_out(self, points: Array) -> Array:
        rows = points.reshape(jnp.size(self.weights), -1)
        if isinstance(self.components, tuple):
            each = jnp.stack([part.left_out(own) for part, own in zip(self.components, rows, strict=True)])
        else:
            each = jax.vmap(lambda component, own: component.left_out(own))(self.components, rows)
        return self.weights @ each

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        points, weights = self._each(lambda component: _rule(component, num_points))
        return points.reshape(-1), (self.weights[:, None] * weights).reshape(-1)


def _log_sum(weights: tuple[Array, ...], each: tuple[Array, ...]) -> tuple[Array, tuple[Array, ...]]:
    """log Σ weights exp(each) over the leading axes of all parts, −inf where no term counts; and each term's share.

    About the largest term that counts, which the derivative need not know; a weight of 0 has one.
    """
    pairs = [(_along(w, e), e) for w, e in zip(weights, each, strict=True)]
    counted = [jnp.max(select(w == 0, -jnp.inf, e), 0) for w, e in pairs]
    top = jax.lax.stop_gradient(functools.reduce(jnp.maximum, counted))
    nothing = top == -jnp.inf
    lifted = select(nothing, 0.0, top)[None]
    terms = [w * jnp.exp(jnp.minimum(e - lifted, 80.0)) for w, e in pairs]
    total = functools.reduce(jnp.add, [jnp.sum(term, 0) for term in terms])
    total = select(nothing, 1.0, total)
    return select(nothing, -jnp.inf, top + jnp.log(total)), tuple(term / total[None] for term in terms)


def _unstacked(components: Any, k: int) -> tuple:
    """The components one by one."""
    if isinstance(components, tuple):
        return components
    return tuple(jax.tree.map(lambda leaf, i=i: leaf[i], components) for i in range(k))


def _along(weights: Array, values: Array) -> Array:
    """Weights or flags [k] in the rank of values [k, ...]."""
    return weights.reshape((-1,) + (1,) * (values.ndim - 1))


def _rule(component: Any, num_points: int) -> tuple[Array, Array]:
    """A quadrature rule of exactly so many points: a component with few values repeats the last, with weight 0."""
    points, weights = component.quadrature_rule(num_points)
    missing = (0, max(num_points - points.shape[0], 0))
    return jnp.pad(points, missing, mode="edge"), jnp.pad(weights, missing)


def _coordinate(component: Any, support: Support, dtype: Any) -> tuple[Array, Array]:
    """Location and scale of a component in the unconstrained coordinate of the mixture."""
    mapped, own = (POSITIVE if s == NON_NEGATIVE else s for s in (support, component.support))
    if own.constrain is mapped.constrain and type(component).constrain is Family.constrain:
        return component.coordinate()
    # one with a coordinate of its own: its middle, and half the distance between its outer sixths
    free: Any = mapped.free or REAL.free
    low, middle, high = (free(component.quantile(jnp.asarray(p, dtype))) for p in (1 / 6, 1 / 2, 5 / 6))
    return middle, 0.5 * (high - low)


@functools.cache
def _widest(supports: tuple[Support, ...]) -> Support:
    """The support of a mixture of distributions on several: that of the components that holds all."""
    measures = {s if s.ndim and s.each is None else (s.ndim, s.discrete) for s in supports}
    if len(measures) > 1:
        raise TypeError(
            f"Mixture: found components on {' and on '.join(s.name for s in dict.fromkeys(supports))}, but all on "
            "numbers, all on whole numbers, or all on the same vectors are needed; a probability and a density do not "
            "add up."
        )

    def covers(q: Support) -> bool:
        return not any(reaches_beyond(p, (p.low, p.high), q, (q.low, q.high)) for p in supports)

    covering = [s for s in supports if covers(s)]
    with jax.ensure_compile_time_eval():  # the closed one of two sets that differ by their ends
        covering.sort(key=lambda s: sum(bool(s.contains(jnp.full((1,) * s.ndim, e))) for e in (s.low, s.high)))
    return covering[-1] if covering else REAL
