"""The probability of an interval, by whichever tail is smaller; and what combinations need of a model and a source."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import log1mexp
from xentjax._select import select
from xentjax.families.family import Family
from xentjax.sources import Empirical
from xentjax.supports import Support


def support_of(of: Any) -> Support | None:
    """The support of a model or class that declares one."""
    support = getattr(of, "support", None)
    return support if isinstance(support, Support) else None


def is_discrete(of: Any) -> bool:
    support = support_of(of)
    return support is not None and support.discrete


def points_of(caller: str, source: Any) -> Empirical:
    """The source, which must be points for a start that looks at each of them."""
    if not isinstance(source, Empirical):
        raise TypeError(
            f"{caller}: found the source {source!r}, but points are needed to start from; pass quadrature(p) or "
            f"monte_carlo(p, key, num_samples), or give {caller} the values of all its parameters."
        )
    return source


def check_tails(caller: str, of: Any, *sides: str) -> None:
    """An error for a model without distribution function, as of vectors; of one of one's own, those that are needed."""
    support = support_of(of)
    vectors = support is not None and support.ndim > 0
    hollow = isinstance(of, Family) and type(of).tails is Family.tails and type(of).log_cdf is Family.log_cdf
    sides = sides or ("log_cdf", "log_survival")
    if vectors or hollow or not all(hasattr(of, side) for side in sides):
        raise TypeError(
            f"{caller}: found a {type(of).__name__}, which has no distribution function, but a model of one number "
            f"with {' and '.join(sides)} is needed; choose another, or give yours what is missing."
        )


def log_tail(of: Any, side: str, points: Array) -> Array:
    """`of.log_cdf` or `of.log_survival` at points [k], which may be infinite: the model does not see those."""
    finite = jnp.isfinite(points)
    count = jnp.sum(finite)
    # another of the points lies where the model is defined, if any is finite
    other = jnp.sum(select(finite, points, 0.0)) / jnp.maximum(count, 1).astype(points.dtype)
    other = select(count > 0, other, jnp.asarray(getattr(of, "interior", 1.0), points.dtype))
    value = jax.vmap(getattr(of, side))(select(finite, points, other))
    certain = jnp.isposinf(points) if side == "log_cdf" else jnp.isneginf(points)
    at_infinity = select(jnp.isnan(points), jnp.nan, select(certain, 0.0, -jnp.inf))
    return select(finite, value, at_infinity.astype(value.dtype))


def log_interval(of: Any, ends: Array, log_cdf: Array, log_survival: Array) -> Array:
    """log P(a < X ≤ b) of the ends [2], with their log tails; where a = b the log-density.

    It is a difference of the tails that are smaller, those below or those above. Where even these cancel, the interval
    is so narrow that two Gauss nodes of the density are exact to rounding (if it is smooth there).
    """
    a, b = ends
    lower = log_cdf[1] < log_survival[0]
    large = select(lower, log_cdf[1], log_survival[0])
    small = select(lower, log_cdf[0], log_survival[1])
    # there the difference has lost a quarter of its digits, and the rule has an error of about narrow⁴ / 4000
    narrow = 0.0 if is_discrete(of) else jnp.finfo(large.dtype).eps ** 0.25
    point, impossible = a == b, large == -jnp.inf
    close = ~(small < large - narrow)  # of NaN too
    thin = (a < b) & close & ~impossible
    apart = ~close & (small > -jnp.inf)
    rest = select(apart, log1mexp(select(apart, small - large, -1.0)), 0.0)
    value = select(impossible, -jnp.inf, select(impossible, 0.0, large) + rest)
    if is_discrete(of):  # two ends between the same whole numbers
        return select(point, of.log_prob(a), select(thin, -jnp.inf, value))
    return select(thin | point, _by_density(of, a, b, thin), value)


def _by_density(of: Any, a: Array, b: Array, thin: Array) -> Array:
    """log ∫ q over a thin interval; log q(a) if it is a point; elsewhere something finite."""
    a_finite, b_finite = jnp.isfinite(a), jnp.isfinite(b)
    start = select(a_finite, a, select(b_finite, b, jnp.asarray(getattr(of, "interior", 1.0), a.dtype)))
    width = select(a_finite & b_finite, b - a, 0.0)
    half = select(thin, 0.5 * width, 0.0)
    middle = start + 0.5 * width
    first, second = jax.vmap(of.log_prob)(jnp.stack([middle - half / 3**0.5, middle + half / 3**0.5]))
    # between the nodes the density hardly varies
    ratio = select(thin, second - first, 0.0)
    return first + select(thin, jnp.log1p(0.5 * jnp.expm1(ratio)) + jnp.log(select(thin, width, 1.0)), 0.0)
