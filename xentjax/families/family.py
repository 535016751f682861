"""What all families share: a density written on statistics, and the expectations a family knows as a source."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar, Self, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax import _nodes
from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.families.inversion import invert, invert_counts
from xentjax.parameters import check_parameters, named_leaves
from xentjax.records import record
from xentjax.sources import check_key
from xentjax.statistics import Center, Spread, entry_of, from_table, log, log_square
from xentjax.supports import BINARY, NON_NEGATIVE, POSITIVE, Support


@dataclass_transform(frozen_default=True)
class Family:
    """A parametric family of distributions: a model (it has `log_prob`) and a source (it has `expect`).

    A subclass is a record whose fields are its parameters. It gives `support`, and either `statistics` with
    `log_prob_of`, or `log_prob` itself; what it knows in closed form goes into `expectations`, its random draws into
    `draw`.
    """

    support: ClassVar[Support]
    statistics: ClassVar[tuple] = ()
    edges: ClassVar[tuple[str, ...]] = ()  # parameters at which the support ends, put at the extremes by a fit

    def __init_subclass__(cls) -> None:
        record(cls)

    def log_prob(self, x: Any) -> Array:
        """log of the density or probability of one point, in nats; −inf outside the support, NaN for NaN."""
        # a value outside is replaced before the formula sees it, so that no derivative turns into NaN
        x = as_float(x)
        within = self.contains(x)
        safe = select(within if self.support.ndim == 0 else within[..., None], x, self.interior)
        center, *spreads = self.statistics
        return within_support(within, x, self.log_prob_of(center(safe), *(0.0 for _ in spreads)))

    def log_prob_of(self, center: Array, *spreads: Any) -> Array:
        """E[log_prob(x)] of any source, from its mean of the centre and its spreads about it."""
        raise TypeError(f"{type(self).__name__} has no statistics: its log-density must be averaged over points.")

    def ends(self) -> tuple[Any, Any]:
        """The least and the greatest value; parameters may move them."""
        return self.support.low, self.support.high

    def contains(self, x: Array) -> Array:
        """Whether x is a value of this distribution."""
        within = self.support.contains(x)
        if type(self).ends is Family.ends:
            return within
        low, high = self.ends()
        # an end that is NaN excludes nothing, so that the formula gives NaN
        return within & ~((x < low) | (x > high))

    @property
    def interior(self) -> Any:
        """Some value well inside, which stands in where a formula must not see an outside value."""
        return self.support.interior

    def tails(self, x: Array) -> tuple[Array, Array]:
        """log P(X ≤ x) and log P(X > x), each to full relative accuracy, for one x between the ends."""
        raise TypeError(f"{type(self).__name__} has no distribution function in closed form; count samples instead.")

    def log_cdf(self, x: Any) -> Array:
        """log P(X ≤ x) of one number x: accurate where it is close to 0 and where it is far below."""
        return tail(self, x, 0)

    def log_survival(self, x: Any) -> Array:
        """log P(X > x) of one number x."""
        return tail(self, x, 1)

    def cdf(self, x: Any) -> Array:
        """P(X ≤ x) of one number x."""
        return jnp.exp(self.log_cdf(x))

    @jax.jit  # as `tail`
    def quantile(self, probability: Any) -> Array:
        """The x with P(X ≤ x) = probability, of one number from 0 to 1; for whole numbers the least that reaches it.

        Differentiable in the probability and the parameters (of continuous distributions).
        """
        probability = as_float(probability)
        within = (probability > 0) & (probability < 1)
        low, high = self.ends()
        value = self.inverse(select(within, probability, 0.5))
        end = select(probability == 0, low, select(probability == 1, high, jnp.nan))
        return select(within, value, end.astype(value.dtype))

    def inverse(self, probability: Array) -> Array:
        """The quantile of a probability strictly between 0 and 1; by default a root of `tails`."""
        if probability.ndim:
            raise ValueError(
                f"{type(self).__name__}.quantile: found probabilities of shape {probability.shape}, but a single one "
                "is needed; map over them: jax.vmap(p.quantile)(probabilities)."
            )
        return invert_counts(self, probability) if self.support.discrete else invert(self, probability)

    def expectations(self) -> dict:
        """What this distribution knows in closed form: {centre: its mean, spread: its value about that mean}.

        A value that is costly and seldom asked for may be a function without arguments; that of a statistic with a
        parameter is a function of it.
        """
        return {}

    def known(self, f: Any) -> Any:
        """The expectation of a statistic, or None where there is no closed form."""
        return from_table(self.expectations(), f)

    def expect(self, f: Any) -> Any:
        """E[f(x)] of a statistic in closed form.

        Raises:
          TypeError: no closed form is known.
        """
        value = self.known(f)
        if value is None:
            name, what = type(self).__name__, getattr(f, "spread", f)
            what = what if isinstance(what, (Center, Spread)) else "a function given by its values"
            raise TypeError(
                f"{name}.expect: found no closed form for the expectation of {what} under {name}; "
                "take the expectation over points instead: quadrature(p) is exact to rounding for smooth functions of "
                "numbers, monte_carlo(p, key, num_samples) serves all; both return a source."
            )
        return value

    def sample(self, key: Array, shape: tuple[int, ...] = ()) -> Array:
        """Independent draws [*shape], or [*shape, d] for vectors, from a `jax.random` key.

        Where parameters are arrays, one draw for each: their shape must be the last part of `shape`. Some families
        draw from single numbers only; use `jax.vmap`.

        Raises:
          ValueError: outside jit: a parameter is outside its support; the parameters have a shape of their own, so
            that several would share a draw.
          TypeError: `key` is no random key.
        """
        name = type(self).__name__
        check_key(f"{name}.sample", key)
        check_parameters(f"{name}.sample", p=self)
        shape = tuple(np.atleast_1d(shape).tolist())
        draws = self.draw(key, shape)
        if draws.shape[: draws.ndim - self.support.ndim] != shape:
            raise ValueError(
                f"{name}.sample: found draws of shape {draws.shape} for shape={shape}, as parameters are arrays, and "
                f"several would share a draw; give a shape that ends in {draws.shape}, for one draw for each."
            )
        return draws

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        """The draws that `sample` checks: a subclass gives this, or `sample` itself."""
        raise TypeError(f"{type(self).__name__} cannot be sampled.")

    @classmethod
    def start(cls, source: Any) -> Self:
        """A member near the minimum of H(source, ·), from which a fit starts when it is given the class."""
        raise TypeError(
            f"fit: found the class {cls.__name__}, whose structure the data do not determine; "
            f"pass an instance to start from, such as {cls.__name__}(...) with plausible values."
        )

    def order_statistics(self, source: Any) -> dict[str, Array]:
        """The parameters in which the likelihood of `source` has kinks or ends, at their best values."""
        return {}

    def coordinate(self) -> tuple[Array, Array]:
        """Location and scale of the distribution in the unconstrained coordinate of its values; see `constrain`."""
        table = self.expectations()
        return entry_of(table, log), jnp.sqrt(entry_of(table, log_square))

    def constrain(self, coordinate: Array) -> Array:
        """A value of the distribution, from a real number: the smooth map along which it is integrated and inverted."""
        support = POSITIVE if self.support == NON_NEGATIVE else self.support
        if support.constrain is None or support.ndim > 0:
            raise TypeError(
                f"quadrature: found {type(self).__name__}, but a scalar distribution is needed; "
                "use monte_carlo(p, key, num_samples) instead."
            )
        return support.constrain(coordinate)

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        """Points [num_points] and their weights; see `quadrature`."""
        if self.support.discrete:
            return _whole_numbers(self, num_points)
        if self.support.ndim > 0:
            self.constrain(jnp.zeros(()))  # says that there is no such map
        return _rule_on_the_line(self, num_points)

    def left_out(self, points: Array) -> Array:
        """The probability of the whole numbers before and after `points`, which are consecutive; 0 where unknown."""
        if not self.support.discrete or self.support.ndim > 0 or type(self).tails is Family.tails:
            return jnp.zeros(())
        return jnp.exp(self.log_cdf(points[0] - 1)) + jnp.exp(self.log_survival(points[-1]))

    def __repr__(self) -> str:
        fields = ", ".join(f"{leaf.name}={show(leaf.value)}" for leaf in named_leaves(self))
        return f"{type(self).__name__}({fields})"


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _rule_on_the_line(p: Family, num_points: int) -> tuple[Array, Array]:
    points, mass = _points_and_mass(p, num_points, None)
    # far out the factors leave the range of floats (0 times inf): there is no probability there, and a point that
    # derivatives of any f can bear takes the place
    there = mass > 0
    return select(there, points, p.constrain(p.coordinate()[0])), select(there, mass, 0.0)


@_rule_on_the_line.defjvp
def _(num_points: int, primals: tuple, tangents: tuple) -> tuple:
    found = _rule_on_the_line(*primals, num_points)
    # what is out of range, or has derivatives that are, is replaced before it is differentiated; it weighs nothing
    there = found[1] > jnp.finfo(found[1].dtype).tiny ** (2 / 3)
    _, (moved, grown) = jax.jvp(lambda p: _points_and_mass(p, num_points, there), primals, tangents)
    return found, (moved, select(there, grown, 0.0))


def _points_and_mass(p: Family, num_points: int, there: Array | None) -> tuple[Array, Array]:
    """Points along the coordinate of p and their probability; the points that are not `there` at its middle."""
    loc, scale = p.coordinate()
    nodes, weights = _nodes.real_line(num_points, jnp.result_type(loc))
    coordinates = loc + scale * (nodes if there is None else select(there, nodes, 0.0))
    points, slopes = jax.vmap(jax.value_and_grad(p.constrain))(coordinates)
    density = jnp.exp(jax.vmap(p.log_prob)(points))
    mass = density * slopes * scale * weights
    return points, select(density > 0, mass, 0.0)


# tails, inversions and rejections are made of loops, which JAX compiles again at each call outside jit
@functools.partial(jax.jit, static_argnums=2)
def tail(p: Any, x: Any, side: int) -> Array:
    """log P(X ≤ x) for side 0, log P(X > x) for side 1, of any number x, from `p.tails` between the ends."""
    x, (low, high) = as_float(x), p.ends()
    # at and past the ends the tails are known, and their formulas must not see them
    below = x < low if p.support.discrete else x <= low
    within = ~below & (x < high) & jnp.isfinite(x)
    safe = select(within, jnp.floor(x) if p.support.discrete else x, p.interior)
    certain = below if side else ~below
    return within_support(within | ~jnp.isnan(x), x, select(within, p.tails(safe)[side], _log_of(certain)))


def check_point(model: Family, x: Any) -> None:
    """An error for several points where the formula, of linear algebra, would take them for one."""
    if jnp.ndim(x) != model.support.ndim:
        one = ("number", "vector", "matrix")[model.support.ndim]
        raise ValueError(
            f"{type(model).__name__}: found a point of shape {jnp.shape(x)}, but one {one} is needed; for several use "
            "jax.vmap(q.log_prob)(points)."
        )


def within_support(within: Array, x: Any, value: Array) -> Array:
    """The value inside the support; outside −inf, and NaN where the point is NaN."""
    x = as_float(x)
    missing = jnp.any(jnp.isnan(x), tuple(range(jnp.ndim(within), x.ndim)))
    return select(within, value, select(missing, jnp.nan, -jnp.inf))


def distance_from(point: Array, mean: Any, tails: Callable[[Array], tuple[tuple, tuple]]) -> Array:
    """E|x − c| − |mean − c| for positive x at c = point: twice E(c − x)⁺ for c below the mean, twice E(x − c)⁺ above.

    `tails` gives log P(x < c) and log P(x > c), and the same under the density weighted by x / mean.
    """
    within = point > 0
    c = select(within, point, mean)
    own, weighted = tails(c)
    below = c * jnp.exp(own[0]) - mean * jnp.exp(weighted[0])
    above = mean * jnp.exp(weighted[1]) - c * jnp.exp(own[1])
    return select(within, 2 * jnp.maximum(select(c < mean, below, above), 0.0), 0.0)


def _log_of(certain: Array) -> Array:
    return select(certain, 0.0, -jnp.inf)


def show(value: Any) -> str:
    """A value as a person would write it."""
    if isinstance(value, jax.core.Tracer) or not hasattr(value, "dtype"):
        return str(value)
    if np.ndim(value) == 0:
        return f"{np.asarray(value):.6g}"
    text = np.array2string(np.asarray(value), precision=6, separator=", ", threshold=12)
    return " ".join(text.split())


def _whole_numbers(p: Family, num_points: int) -> tuple[Array, Array]:
    """Consecutive whole numbers around the mean, and their probabilities."""
    if p.support == BINARY:
        points = jnp.array([0.0, 1.0], jnp.result_type(p.mean))  # type: ignore[attr-defined]
    else:
        low = jnp.asarray(p.ends()[0], jnp.result_type(p.mean))  # type: ignore[attr-defined]
        # a distribution without a mean has most of its probability at its low end
        first = jnp.maximum(jnp.floor(select(jnp.isfinite(p.mean), p.mean - num_points / 2, low)), low)  # type: ignore[attr-defined]
        points = first + jnp.arange(num_points, dtype=jnp.result_type(first))
    return points, jnp.exp(jax.vmap(p.log_prob)(points))
