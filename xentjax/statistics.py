"""Statistics: one centre, and spreads about it.

A family whose log-density depends on a point through a few functions names them: a centre (x, or log x) and convex
functions f of it. What is averaged is never f itself but its spread about the centre's mean m,

    E[f(y) − f(m) − f′(m) (y − m)],   y = centre(x), m = E[y],

the Bregman information of f: the variance for the square, log E x − E log x for −log. Spreads are non-negative, do not
cancel, and are 0 for a single point, so a density written on (m, spreads) serves points and expectations alike.

Reference: Banerjee, Merugu, Dhillon & Ghosh (2005), Clustering with Bregman divergences, JMLR 6.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float, expm1_minus, linear_minus_log
from xentjax._select import select


@dataclasses.dataclass(frozen=True, eq=False)
class Center:
    """A function of a point whose mean is taken. `kind` is the key under which a source knows its expectation."""

    name: str
    value: Callable[[Any], Array]
    parameter: Any = None
    kind: Any = None

    def __call__(self, x: Any) -> Array:
        return self.value(x)

    def __repr__(self) -> str:
        return self.name

    @property
    def key(self) -> Any:
        return self.kind or self


@dataclasses.dataclass(frozen=True, eq=False)
class Spread:
    """A convex function f of a centre; `gap(y, m)` is f(y) − f(m) − f′(m)(y − m), without cancellation."""

    name: str
    center: Center
    gap: Callable[[Array, Array], Array]
    parameter: Any = None
    kind: Any = None
    rescale: Callable[[Array, Array], Array] | None = None  # (m, c): for an f that is measured relative to its centre
    average: Callable[[Array, Any, Array], Array] | None = None  # over points x with weights, better than gap's mean
    derive: Callable[[dict], Array | None] | None = None  # from a source's table of other expectations

    def about(self, m: Array) -> "About":
        """The gap about m, as a function of one point."""
        return About(self, m)

    def __repr__(self) -> str:
        return self.name

    @property
    def key(self) -> Any:
        return self.kind or self


@dataclasses.dataclass(frozen=True, eq=False)
class About:
    """A spread about a given value of its centre."""

    spread: Spread
    at: Array

    def __call__(self, x: Any) -> Array:
        return self.spread.gap(self.spread.center(x), self.at)


def _minus_log_gap(y: Array, m: Array) -> Array:
    # at the rounded ratio w the gap is off by eps |w − 1|, as if the point had moved by half a unit in its last place;
    # an error common to all ratios has no effect, since the gap is least at the mean
    w = y * (1 / m)
    return (w - 1) - jnp.log(w)


def _minus_log1m_gap(y: Array, m: Array) -> Array:
    return _minus_log_gap(1 - y, 1 - m)


def _squared_difference(y: Array, m: Array) -> Array:
    return (y - m) ** 2


def _outer(y: Array, m: Array) -> Array:
    return (y - m)[..., :, None] * (y - m)[..., None, :]


def weighted_mean(values: Array, weights: Any) -> Array:
    """Σ wᵢ valuesᵢ / Σ wᵢ over the leading axis; None is a weight of 1 each."""
    if weights is None:
        return jnp.mean(values, axis=0)
    weights = jnp.asarray(weights, values.dtype).reshape((-1,) + (1,) * (values.ndim - 1))
    # a point of weight 0 is removed, even where the value is infinite
    weighted = select(weights == 0, 0.0, weights * values)
    return jnp.sum(weighted, axis=0) / jnp.sum(weights)


# Far from zero the mean m is rounded by more than the spread: the mean of the residuals, which is exact, corrects it.


def _variance(x: Array, weights: Any, m: Array) -> Array:
    residuals = as_float(x) - m[None]
    return weighted_mean(residuals**2, weights) - weighted_mean(residuals, weights) ** 2


def _log_variance(x: Array, weights: Any, m: Array) -> Array:
    # log(x / exp(m)) has the digits that log x − m has lost; the rounding of exp(m) is common to all and drops out
    residuals = jnp.log(as_float(x) * jnp.exp(-m)[None])
    return weighted_mean(residuals**2, weights) - weighted_mean(residuals, weights) ** 2


def _covariance(x: Array, weights: Any, m: Array) -> Array:
    residuals = as_float(x) - m[None]
    shift = weighted_mean(residuals, weights)
    shares = jnp.full(len(residuals), 1 / len(residuals), m.dtype) if weights is None else weights / jnp.sum(weights)
    # removed points (weight 0) may hold anything
    kept = residuals if weights is None else select(weights[:, None] == 0, 0.0, residuals)
    return (kept * shares.astype(m.dtype)[:, None]).T @ kept - jnp.outer(shift, shift)


def _direction(x: Any) -> Array:
    x = as_float(x)
    return jnp.stack([jnp.cos(x), jnp.sin(x)], -1)


def _squared_distance(y: Array, m: Array) -> Array:
    return jnp.sum((y - m) ** 2, -1)


def _softplus_gap(y: Array, m: Array) -> Array:
    # log((1 + exp(y)) / (1 + exp(m))) = log(1 + s expm1(y − m)), s = sigmoid(m); from the side where s is small
    y, m = select(m > 0, -y, y), select(m > 0, -m, m)
    step, share = y - m, jax.nn.sigmoid(m)
    near = step < 1
    rise = share * jnp.expm1(select(near, step, 0.0))
    close = share * expm1_minus(select(near, step, 0.0)) - linear_minus_log(rise, 1 + rise)
    far = jax.nn.softplus(y) - jax.nn.softplus(m) - share * step
    return select(near, close, far)


def logit_of(x: Any) -> Array:
    """log x − log(1 − x)."""
    x = as_float(x)
    return jnp.log(x) - jnp.log1p(-x)


identity = Center("x", as_float)
logit = Center("log(x / (1 − x))", logit_of)
direction = Center("(cos x, sin x)", _direction)
log = Center("log x", lambda x: jnp.log(as_float(x)))

square = Spread("x²", identity, _squared_difference, average=_variance)
outer = Spread("x xᵀ", identity, _outer, average=_covariance)
minus_log = Spread("−log x", identity, _minus_log_gap)
minus_log1m = Spread("−log(1 − x)", identity, _minus_log1m_gap)
# |(cos x, sin x)|² is 1: its spread is 1 less the squared length of the mean
scatter = Spread("|(cos x, sin x)|²", direction, _squared_distance)
logit_square = Spread("(log(x / (1 − x)))²", logit, _squared_difference)
# softplus(y) = log(1 + exp(y)) is −log(1 − x) at y = logit(x)
logit_softplus = Spread("softplus(log(x / (1 − x)))", logit, _softplus_gap)
log_square = Spread("(log x)²", log, _squared_difference, average=_log_variance)
log1p = Spread("log(1 + x)", log, _softplus_gap)


def distance(loc: Array) -> Spread:
    """|x − loc|. Over points its derivative is the subgradient nearest to 0; see `mean_distance`."""

    def gap(y: Array, m: Array) -> Array:
        # |y − loc| − |m − loc| − sign(m − loc)(y − m): 0 unless loc lies between y and m
        across = (y - loc) * (m - loc) < 0
        return select(across, 2 * jnp.abs(y - loc), 0.0)

    def average(x: Array, weights: Any, m: Array) -> Array:
        y = as_float(x)
        shares = jnp.full_like(y, 1 / y.shape[0]) if weights is None else weights / jnp.sum(weights)
        return mean_distance(y, shares.astype(y.dtype), loc) - jnp.abs(m - loc)

    return Spread("|x − loc|", identity, gap, loc, distance, average=average)


@jax.custom_jvp
def mean_distance(y: Array, shares: Array, loc: Array) -> Array:
    """Σ sharesᵢ |yᵢ − loc|, which has a kink at each point.

    Its slope in loc is the subgradient nearest to 0, so that it vanishes at the median even among ties; the slope's
    own derivative is taken as one over the mean distance, the curvature that Laplace-distributed data have.
    """
    return jnp.sum(shares * jnp.abs(y - loc))


@mean_distance.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (y, shares, loc), (dy, dshares, dloc) = primals, tangents
    by_points = jnp.sum(dshares * jnp.abs(y - loc) + shares * jnp.sign(y - loc) * dy)
    return mean_distance(y, shares, loc), _subgradient(y, shares, loc) * dloc + by_points


@jax.custom_jvp
def _subgradient(y: Array, shares: Array, loc: Array) -> Array:
    net = jnp.sum(shares * jnp.sign(loc - y))
    tied = jnp.sum(select(y == loc, shares, 0.0))
    # the sums round: what is below their rounding is no slope
    slack = tied + 4 * jnp.finfo(y.dtype).eps
    return jnp.sign(net) * jnp.maximum(jnp.abs(net) - slack, 0.0)


@_subgradient.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return _subgradient(*primals), tangents[2] / mean_distance(*primals)


def indicators(size: int) -> Center:
    """The vector [size] that is 1 at the category x and 0 elsewhere; its mean is the vector of frequencies."""
    return Center(
        f"indicators of {size} categories", lambda x: jax.nn.one_hot(jnp.asarray(x).astype(int), size), size, indicators
    )


def summarize(source: Any, statistics: tuple) -> tuple[Array, ...]:
    """The mean of the centre and the expected spreads about it: all that a family needs of a source.

    Args:
      source: anything with `expect(f)`.
      statistics: a centre, then spreads about it.

    >>> import jax.numpy as jnp
    >>> import xentjax as xj
    >>> from xentjax.statistics import identity, square, summarize
    >>> mean, variance = summarize(xj.Empirical(jnp.array([1.0, 2.0, 3.0, 4.0])), (identity, square))
    >>> print(mean, variance)
    2.5 1.25
    """
    center, *spreads = statistics
    mean = source.expect(center)
    return (mean, *(source.expect(spread.about(mean)) for spread in spreads))


def move(spread: Spread, value: Array, mean: Array, to: Array) -> Array:
    """The expected spread about `to`, from its value about the mean: exact for any `to`."""
    scaled = value if spread.rescale is None else value * spread.rescale(mean, to)
    return scaled + spread.gap(mean, to)


def entry_of(table: dict, key: Any, *parameter: Any) -> Any:
    """What a table of expectations holds: a value, or a function of the statistic's parameter, or of nothing where the
    value is costly and seldom asked for."""
    entry = table.get(key)
    return entry(*parameter) if callable(entry) else entry


def from_table(table: dict, f: Any) -> Array | None:
    """The expectation of a centre, or of a spread about any value, from a table of a source's own expectations."""
    statistic = f.spread if isinstance(f, About) else f
    parameter = () if getattr(statistic, "parameter", None) is None else (statistic.parameter,)
    entry = entry_of(table, statistic.key, *parameter) if isinstance(statistic, (Center, Spread)) else None
    if entry is None and isinstance(statistic, Spread) and statistic.derive is not None:
        entry = statistic.derive(table)
    if entry is None or not isinstance(f, About):
        return entry
    mean = from_table(table, statistic.center)
    return None if mean is None else move(statistic, entry, mean, f.at)
