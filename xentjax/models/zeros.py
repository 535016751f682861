"""Distributions with a probability of zero of its own: zero-inflated counts, and hurdles."""

import abc
import functools
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select
from xentjax.families.family import Family, within_support
from xentjax.models.intervals import is_discrete, points_of, support_of
from xentjax.models.starts import FromData, is_open, started
from xentjax.models.truncated import Truncated
from xentjax.parameters import Parameter, unit_interval
from xentjax.records import unnamed
from xentjax.sources import Empirical
from xentjax.statistics import identity, square
from xentjax.supports import Support


class WithZeros(Family):
    """A 0 with the probability `zero`, else a value of `other`. A subclass declares `zero` and gives the rest."""

    of: Any = unnamed()

    @property
    @abc.abstractmethod
    def other(self) -> Any:
        """The distribution of the values that are not 0 by themselves."""

    @property
    @abc.abstractmethod
    def share(self) -> Array:
        """P(x ≠ 0) over that under `of`."""

    @property
    def support(self) -> Support:  # type: ignore[override]
        return _with_zero(type(self).__name__, support_of(self.of))

    def ends(self) -> tuple[Any, Any]:
        return 0.0, self.of.ends()[1]

    def contains(self, x: Array) -> Array:
        return self.support.contains(x) & ((x == 0) | self.of.contains(x))

    @property
    def interior(self) -> Any:
        return self.of.interior

    def log_prob(self, x: Any) -> Array:
        x = as_float(x)
        within, zero = self.contains(x), x == 0
        # another value takes the place of 0, where densities may have poles
        value = jnp.log1p(-self.zero) + self.other.log_prob(select(within & ~zero, x, self.interior))  # type: ignore[attr-defined]
        return within_support(within, x, select(zero, self.log_of_zero(x), value))

    @abc.abstractmethod
    def log_of_zero(self, x: Array) -> Array:
        """log P(x = 0), in the type of x."""

    def log_cdf(self, x: Any) -> Array:
        x = as_float(x)
        below = x < 0
        value = jnp.logaddexp(_log(self.zero), jnp.log1p(-self.zero) + self.other.log_cdf(select(below, 0.0, x)))  # type: ignore[attr-defined]
        return select(below, -jnp.inf, value)

    def log_survival(self, x: Any) -> Array:
        x = as_float(x)
        below = x < 0
        value = jnp.log1p(-self.zero) + self.other.log_survival(select(below, 0.0, x))  # type: ignore[attr-defined]
        return select(below, 0.0, value)

    def inverse(self, probability: Array) -> Array:
        rest = (probability - self.zero) / (1 - self.zero)  # type: ignore[attr-defined]
        more = rest > 0
        return select(more, self.other.quantile(select(more, rest, 0.5)), 0.0)

    def draw(self, key: Array, shape: tuple[int, ...]) -> Array:
        first, second = jax.random.split(key)
        values = self.other.sample(second, shape)
        return select(jax.random.bernoulli(first, self.zero, shape), jnp.zeros_like(values), values)  # type: ignore[attr-defined]

    @property
    def mean(self) -> Array:
        return self.share * self.of.mean

    @property
    def variance(self) -> Array:
        return self.share * (self.of.variance + (1 - self.share) * self.of.mean**2)

    def expectations(self) -> dict:
        return {identity: lambda: self.mean, square: lambda: self.variance}

    def left_out(self, points: Array) -> Array:
        return (1 - self.zero) * self.of.left_out(points)  # type: ignore[attr-defined]

    def quadrature_rule(self, num_points: int) -> tuple[Array, Array]:
        points, weights = self.of.quadrature_rule(num_points if is_discrete(self.of) else num_points - 1)
        if is_discrete(self.of):
            return points, jnp.exp(jax.vmap(self.log_prob)(points))
        atom = jnp.asarray(self.zero, weights.dtype)[None]  # type: ignore[attr-defined]
        return jnp.concatenate([jnp.zeros_like(atom), points]), jnp.concatenate([atom, (1 - atom) * weights])


class ZeroInflated(WithZeros):
    """ZeroInflated(of, zero): P(0) = zero + (1 − zero) P_of(0), P(x) = (1 − zero) P_of(x) for x = 1, 2, ...

    Counts of which a share is 0 whatever `of` says: of cars that may break down, some are never driven. There can be no
    fewer zeros than under `of`; where there are, zero → 0, and the fit ends at that boundary.

    Args:
      of: a distribution of whole numbers ≥ 0: a class, whose start is then computed from the data, an instance, or a
        combination.
      zero: the probability of a 0 besides those of `of`, from 0 to 1; the derivative at 0 is exact (if P_of(0) is above
        exp(−40)). Left out, it starts from the data.

    Raises:
      TypeError: (when evaluated) `of` is continuous, or never 0.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.ZeroInflated(xj.Poisson), jnp.array([0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 3.0, 5.0]))
    >>> round(((1 - fit.model.zero) * fit.model.of.rate).item(), 6)  # the mean
    1.25

    See also: `statsmodels.ZeroInflatedPoisson`; `Hurdle`, in which all zeros are one kind and may be fewer too.
    """

    zero: Parameter = unit_interval(FromData)

    @property
    def other(self) -> Any:
        return self.of

    @property
    def share(self) -> Array:
        return 1 - self.zero

    def log_of_zero(self, x: Array) -> Array:
        own = self.of.log_prob(jnp.zeros_like(x))
        near = own > -40
        safe = select(near, own, -1.0)
        close = safe + jnp.log1p(self.zero * jnp.expm1(-safe))
        far = jnp.logaddexp(_log(self.zero), jnp.log1p(-self.zero) + select(near, -1.0, own))
        return select(near, close, far)

    def start(self, source: Any) -> Self:  # type: ignore[override]
        """From the positive counts, and the zeros that they do not explain."""
        points = points_of("ZeroInflated", source)
        share = _share_of_zeros(points)
        of = started(self.of, _positive(points)) if is_open(self.of) else self.of
        expected = jnp.exp(of.log_prob(jnp.zeros_like(share)))
        zero = jnp.clip((share - expected) / (1 - expected), 0.01, 0.99) if self.zero is FromData else self.zero
        return type(self)(of, zero)


class Hurdle(WithZeros):
    """Hurdle(of, zero): P(0) = zero; else (1 − zero) times the density of `of`, or for counts of `of` given x > 0.

    Whether there is anything, and if so how much. For a continuous distribution it is a density next to a probability
    of 0: daily rain. A distribution on (0, 1), as Beta, gets a 0 in the same way.

    Args:
      of: a distribution of numbers ≥ 0: a class, whose start is then computed from the data, an instance, or a
        combination.
      zero: the probability of 0. Left out, it starts from the data.

    Raises:
      TypeError: (when evaluated) `of` has values below 0.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> fit = xj.fit_mle(xj.Hurdle(xj.Gamma), jnp.array([0.0, 0.0, 0.8, 1.5, 2.0, 3.1, 0.6, 1.0]))
    >>> round(fit.model.zero.item(), 6)
    0.25

    See also: `pscl::hurdle` in R, `statsmodels.HurdleCountModel`, whose 0 is a count model of its own; `ZeroInflated`.
    """

    zero: Parameter = unit_interval(FromData)

    @property
    def other(self) -> Any:
        return Truncated(self.of, 0.0) if is_discrete(self.of) else self.of

    @property
    def share(self) -> Array:
        share = 1 - jnp.asarray(self.zero)
        return share / jnp.exp(self.of.log_survival(jnp.zeros_like(share))) if is_discrete(self.of) else share

    def log_of_zero(self, x: Array) -> Array:
        return jnp.asarray(_log(self.zero), x.dtype)

    def start(self, source: Any) -> Self:  # type: ignore[override]
        """From the share of zeros, and from the other values."""
        points = points_of("Hurdle", source)
        zero = jnp.clip(_share_of_zeros(points), 1e-3, 1 - 1e-3) if self.zero is FromData else self.zero
        return type(self)(started(self.of, _positive(points)) if is_open(self.of) else self.of, zero)


def _log(zero: Any) -> Array:
    """log zero; −inf with derivative 0 at 0."""
    zero = as_float(zero)
    return select(zero > 0, jnp.log(select(zero > 0, zero, 1.0)), -jnp.inf)


def _share_of_zeros(points: Empirical) -> Array:
    return Empirical(as_float(points.data), points.weights).expect(lambda x: (x == 0).astype(x.dtype))


def _positive(points: Empirical) -> Empirical:
    """The points that are not 0; a point that counts stands in for each of the others."""
    x = as_float(points.data)
    weights = jnp.ones_like(x) if points.weights is None else jnp.asarray(points.weights).astype(x.dtype)
    return Empirical(x, select(x == 0, 0.0, weights)).counted()


@functools.cache
def _with_zero(caller: str, support: Support | None) -> Support:
    """A set of numbers ≥ 0 and 0."""
    if support is None:
        raise TypeError(
            f"{caller}: found a model that does not say where its values lie, but its support is needed; give it: "
            "Built(params, build, supports, support=xentjax.count), or `support` in a record of your own."
        )
    if support.ndim or support.low < 0 or (caller == "ZeroInflated" and (not support.discrete or support.low > 0)):
        needed = "whole numbers ≥ 0, with 0," if caller == "ZeroInflated" else "numbers ≥ 0"
        raise TypeError(
            f"{caller}: found a distribution each of whose values is {support}, but one of {needed} is needed; "
            + ("a Hurdle gives a probability of 0 to others." if support.low >= 0 else "a Mixture may serve others.")
        )
    with jax.ensure_compile_time_eval():  # inside `jit` too
        if support.contains(jnp.zeros(())):
            return support
    return Support(
        f"0 or {support.name}",
        lambda x: (x == 0) | support.contains(x),
        support.interior,
        low=0.0,
        high=support.high,
        discrete=support.discrete,
    )
