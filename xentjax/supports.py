"""The sets that parameters and points lie in: membership, and smooth maps from unconstrained reals."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import as_float
from xentjax._select import select


@dataclasses.dataclass(frozen=True)
class Support:
    """A set of values: a test for membership and, for parameters, a smooth map from unconstrained reals.

    Attributes:
      name: completes "each value must be ...".
      contains: membership of a value, reduced over its last `ndim` axes.
      interior: some value well inside, used where a formula must not see an outside value.
      free, constrain: to unconstrained reals and back; both act on the last `ndim` axes.
      low, high: the ends of a set of numbers.
      part_of: the next larger set of vectors, if there is one.
      each: the set of the components of a vector, where that is all that is asked of them.
      relative: whether the unconstrained coordinate is a logarithm, so that a distance in it has no units.
      discrete: whether the values are isolated.
      closed: membership with the ends at which a distribution still has a meaning, such as a probability of 0.
    """

    name: str
    contains: Callable[[Array], Array]
    interior: float = 0.5
    free: Callable[[Array], Array] | None = None
    constrain: Callable[[Array], Array] | None = None
    ndim: int = 0
    low: Any = -math.inf
    high: Any = math.inf
    part_of: "Support | None" = None
    each: "Support | None" = None
    relative: bool = False
    discrete: bool = False
    closed: Callable[[Array], Array] | None = None

    def __repr__(self) -> str:
        return self.name


def reaches_beyond(p: Support, p_ends: tuple, q: Support, q_ends: tuple) -> bool | Array:
    """Whether a distribution on p gives probability to values outside q; the ends may depend on parameters.

    A Python boolean where that is known without looking at arrays.
    """
    if p.each is not None and q.each is not None:  # vectors whose components may each be anything of a set of numbers
        any_beyond = reaches_beyond(p.each, p_ends, q.each, q_ends)
        return any_beyond if isinstance(any_beyond, bool) else jnp.any(any_beyond)
    if p.ndim or q.ndim:
        return p != q and p.part_of != q
    if q.discrete and not p.discrete:
        return True
    # wherever parameters move them, the ends of q lie in its support
    low, high = (isinstance(end, float) for end in p_ends)
    if (low and p_ends[0] < q.low) or (high and p_ends[1] > q.high):
        return True
    beyond = [p_ends[0] < q_ends[0], p_ends[1] > q_ends[1]]
    if p.discrete and not q.discrete:  # an end that q leaves out has probability under p
        known = [end for end in p_ends if isinstance(end, float) and math.isfinite(end)]
        with jax.ensure_compile_time_eval():
            beyond += [not q.contains(as_float(end)) for end in known]
    if any(b for b in beyond if isinstance(b, bool)):
        return True
    moving = [jnp.asarray(b) for b in beyond if not isinstance(b, bool)]
    return functools.reduce(jnp.logical_or, moving) if moving else False


def _integral(x: Array) -> Array:
    return jnp.isfinite(x) & (x == jnp.floor(x))


def _simplex_contains(x: Array) -> Array:
    return jnp.all(x > 0, -1) & _sums_to_one(x)


def _sums_to_one(x: Array) -> Array:
    # a float32 vector of any practical length sums to 1 within this
    x = as_float(x)
    return jnp.abs(jnp.sum(x, -1) - 1) <= 64 * jnp.finfo(x.dtype).eps


def _simplex_free(x: Array) -> Array:
    return jnp.log(x[..., :-1]) - jnp.log(x[..., -1:])


def append_zero(u: Array) -> Array:
    return jnp.concatenate([u, jnp.zeros((*u.shape[:-1], 1), u.dtype)], -1)


def _ordered_free(x: Array) -> Array:
    return jnp.concatenate([x[..., :1], jnp.log(jnp.diff(x, axis=-1))], -1)


def _ordered_constrain(u: Array) -> Array:
    return jnp.cumsum(jnp.concatenate([u[..., :1], jnp.exp(u[..., 1:])], -1), -1)


def _covariance_contains(x: Array) -> Array:
    # the factor is NaN exactly when the matrix is not positive definite
    factor = jnp.linalg.cholesky(x, symmetrize_input=True)
    asymmetry = jnp.abs(x - jnp.swapaxes(x, -1, -2)).max((-1, -2))
    return jnp.isfinite(factor).all((-1, -2)) & (asymmetry <= 1e-6 * jnp.abs(x).max((-1, -2)))


def _covariance_free(x: Array) -> Array:
    factor = jnp.linalg.cholesky(x, symmetrize_input=True)
    rows, columns = jnp.tril_indices(x.shape[-1])
    entries = factor[..., rows, columns]
    diagonal = rows == columns
    return select(diagonal, jnp.log(select(diagonal, entries, 1.0)), entries)


def _covariance_constrain(u: Array) -> Array:
    size = round(((8 * u.shape[-1] + 1) ** 0.5 - 1) / 2)
    rows, columns = jnp.tril_indices(size)
    entries = select(rows == columns, jnp.exp(select(rows == columns, u, 0.0)), u)
    factor = jnp.zeros((*u.shape[:-1], size, size), u.dtype).at[..., rows, columns].set(entries)
    return factor @ jnp.swapaxes(factor, -1, -2)


def _identity(x: Array) -> Array:
    return x


# what is not declared counts as real too, and may be infinite in a model of one's own, as a bound is
REAL = Support("a finite number", jnp.isfinite, 0.0, _identity, _identity, closed=lambda x: ~jnp.isnan(x))
# what moves logarithms, or those of odds
LOG_RATIO = Support("a finite number", jnp.isfinite, 0.0, _identity, _identity, relative=True)
SIGNED = Support("a finite number", jnp.isfinite, 0.0, jnp.arcsinh, jnp.sinh, relative=True)
NON_NEGATIVE = Support("a finite number ≥ 0", lambda x: jnp.isfinite(x) & (x >= 0), 1.0, low=0.0)
POSITIVE = Support(
    "a finite number > 0",
    lambda x: jnp.isfinite(x) & (x > 0),
    1.0,
    jnp.log,
    jnp.exp,
    low=0.0,
    relative=True,
    closed=NON_NEGATIVE.contains,
)
UNIT_INTERVAL = Support(
    "a number strictly between 0 and 1",
    lambda x: (x > 0) & (x < 1),
    0.5,
    lambda x: jnp.log(x) - jnp.log1p(-x),
    jax.nn.sigmoid,
    low=0.0,
    high=1.0,
    relative=True,
    closed=lambda x: (x >= 0) & (x <= 1),
)
CLOSED_UNIT_INTERVAL = Support(
    "a number from 0 to 1", lambda x: (x >= 0) & (x <= 1), 0.5, constrain=jax.nn.sigmoid, low=0.0, high=1.0
)
# π is in, the same point as −π: arctan2 gives it
CIRCLE = Support(
    "an angle from −π to π",
    lambda x: (x >= -math.pi) & (x <= math.pi),
    0.0,
    constrain=lambda u: jnp.pi * jnp.tanh(0.5 * u),
    low=-math.pi,
    high=math.pi,
)
COUNTS = Support("a whole number ≥ 0", lambda x: _integral(x) & (x >= 0), 1.0, low=0.0, discrete=True)
POSITIVE_COUNTS = Support("a whole number ≥ 1", lambda x: _integral(x) & (x >= 1), 1.0, low=1.0, discrete=True)
BINARY = Support("0 or 1", lambda x: (as_float(x) == 0) | (as_float(x) == 1), 1.0, low=0.0, high=1.0, discrete=True)
REAL_VECTOR = Support("a vector of finite numbers", lambda x: jnp.isfinite(x).all(-1), 0.0, ndim=1, each=REAL)
COUNT_VECTOR = Support(
    "a vector of whole numbers ≥ 0", lambda x: COUNTS.contains(x).all(-1), 1.0, ndim=1, low=0.0, discrete=True
)
UNIT_VECTOR = Support(
    "a vector of length 1",
    # as for `SIMPLEX`
    lambda x: jnp.isfinite(x).all(-1) & _sums_to_one(as_float(x) ** 2),
    0.0,
    ndim=1,
)
SIMPLEX = Support(
    "a vector of numbers > 0 that sum to 1",
    _simplex_contains,
    0.5,
    _simplex_free,
    lambda u: jax.nn.softmax(append_zero(u)),
    ndim=1,
    part_of=REAL_VECTOR,
    relative=True,
    closed=lambda x: jnp.all(x >= 0, -1) & _sums_to_one(x),
)
LOGITS = Support(
    "a vector of finite numbers, of which only the differences matter",
    lambda x: jnp.isfinite(x).all(-1),
    0.0,
    lambda x: x[..., :-1] - x[..., -1:],
    append_zero,
    ndim=1,
    relative=True,
    closed=lambda x: jnp.all(x < jnp.inf, -1) & jnp.any(x > -jnp.inf, -1),
)
ORDERED = Support(
    "a vector of increasing finite numbers",
    lambda x: jnp.isfinite(x).all(-1) & (jnp.diff(x, axis=-1) > 0).all(-1),
    0.0,
    _ordered_free,
    _ordered_constrain,
    ndim=1,
    part_of=REAL_VECTOR,
)
COVARIANCE = Support(
    "a symmetric positive definite matrix",
    _covariance_contains,
    0.5,
    _covariance_free,
    _covariance_constrain,
    ndim=2,
)


@functools.cache
def vector_of(each: Support) -> Support:
    """The vectors whose components are each in a set of numbers."""
    if each == REAL:
        return REAL_VECTOR
    contains = each.contains
    return Support(
        f"a vector, each component {each.name}",
        lambda x: contains(x).all(-1),
        each.interior,
        ndim=1,
        low=each.low,
        high=each.high,
        discrete=each.discrete,
        each=each,
    )


@functools.cache
def numbers_above(low: float) -> Support:
    """The numbers > low."""
    return Support(
        f"a finite number > {low}",
        lambda x: jnp.isfinite(x) & (x > low),
        low + 1.0,
        lambda x: jnp.log(x - low),
        lambda u: low + jnp.exp(u),
        low=low,
        relative=True,
    )


@functools.cache
def numbers_between(low: float, high: float) -> Support:
    """The numbers strictly between two finite ones."""

    def free(x: Array) -> Array:
        return jnp.log(x - low) - jnp.log(high - x)

    def constrain(u: Array) -> Array:
        # from the nearer end, so that neither end loses digits
        return select(u < 0, low + (high - low) * jax.nn.sigmoid(u), high - (high - low) * jax.nn.sigmoid(-u))

    middle = low + (high - low) / 2
    return Support(
        f"a number strictly between {low} and {high}",
        lambda x: (x > low) & (x < high),
        middle,
        free,
        constrain,
        low=low,
        high=high,
        relative=True,
        closed=lambda x: (x >= low) & (x <= high),
    )
