"""The terms of divergences, one outcome each: non-negative, without cancellation, with their own derivatives.

Powers near 1 and logarithms of numbers near 1 enter only through (eˣ − 1) / x and (eˣ − 1 − x) / x, which are series
near 0. A slope that has no finite limit where the term itself is finite (at p = 0 or q = 0) is taken as 0.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

from xentjax._numerics import linear_minus_log, log_ratio, polynomial, quotient
from xentjax._select import select

# Taylor coefficients of (eˣ − 1 − x) / x², and of the derivative of (eˣ − 1 − x) / x; what is left off is below 1e-17.
_EXCESS = [1 / math.factorial(k + 2) for k in range(17)]
_EXCESS_SLOPE = [(k + 1) / math.factorial(k + 2) for k in range(18)]


def wide(p: Array) -> tuple[Array, Any]:
    """`p` in at least float32, in which sums of many terms are taken, and the type of the result: its own."""
    return (p.astype("float32") if jnp.finfo(p.dtype).bits < 32 else p), p.dtype


def exp_excess(x: Array) -> Array:
    """(eˣ − 1 − x) / x, increasing from −1 through 0 at 0."""
    near = jnp.abs(x) < 1
    t, far = select(near, x, 0.0), select(near, 1.0, x)
    return select(near, t * polynomial(_EXCESS, t), (jnp.expm1(far) - far) / far)


def exp_excess_slope(x: Array) -> Array:
    """The derivative of `exp_excess`, > 0."""
    near = jnp.abs(x) < 1
    t, far = select(near, x, 0.0), select(near, 1.0, x)
    return select(near, polynomial(_EXCESS_SLOPE, t), (jnp.exp(far) - jnp.expm1(far) / far) / far)


def _tangent(like: Array, *parts: tuple[Callable[[], Array], Array | SymbolicZero]) -> Array:
    """Σ slope · tangent over what varies: the slope in a constant, which may be infinite, is not formed."""
    return sum((slope() * t for slope, t in parts if not isinstance(t, SymbolicZero)), jnp.zeros_like(like))


@jax.custom_jvp
@jax.jit
def deformed_log(y: Array, c: Array) -> Array:
    """(eᶜʸ − 1) / c, and y at c = 0: with y = log r the power function (rᶜ − 1) / c."""
    x = c * y
    small = jnp.abs(x) < 1
    return select(small, y * (1 + exp_excess(x)), jnp.expm1(x) / select(c == 0, 1.0, c))


def _deformed_log_jvp(primals: tuple, tangents: tuple) -> tuple:
    (y, c), (dy, dc) = primals, tangents
    value = deformed_log(y, c)
    return value, _tangent(value, (lambda: jnp.exp(c * y), dy), (lambda: y * y * exp_excess_slope(c * y), dc))


deformed_log.defjvp(_deformed_log_jvp, symbolic_zeros=True)


def _absent(p: Array, q: Array) -> tuple[Array, Array, Array, Array]:
    """Whether p, or only q, is 0 beside the other, and both with 1 in place of such pairs."""
    no_p = (p == 0) | jnp.isposinf(q / p)
    no_q = ~no_p & ((q == 0) | jnp.isposinf(p / q))
    return no_p, no_q, select(no_p | no_q, 1.0, p), select(no_p | no_q, 1.0, q)


def _inverse(x: Array, otherwise: Array | float) -> Array:
    """1 / x for positive x."""
    return select(x > 0, 1 / select(x > 0, x, 1.0), otherwise)


def _sides(p: Array, q: Array, a: Array) -> tuple[Array, Array, Array, Array]:
    """The term is its own mirror image under p ↔ q, a ↔ 1 − a; of the two the one that does not cancel."""
    y, mirrored = log_ratio(q, p), a < 0.5
    return (
        select(mirrored, q, p),
        select(mirrored, p, q),
        select(mirrored, -y, y),
        select(mirrored, a, 1 - a),
    )


def nothing(x: Array) -> Array:
    """0, and NaN where x is NaN. A product with 0 does not keep it: XLA may drop that."""
    return select(jnp.isnan(x), x, 0.0)


@jax.custom_jvp
@jax.jit
def power_term(p: Array, q: Array, a: Array) -> Array:
    """[a p + (1 − a) q − pᵃ q¹⁻ᵃ] / (a (1 − a)) ≥ 0, one term of a power divergence of any order a (a scalar).

    At a = 1 it is p log(p/q) − p + q, at a = 0 the same with p and q exchanged. p = 0 gives q / a for a > 0, else +inf;
    q = 0 gives p / (1 − a) for a < 1, else +inf. Slopes: −(rᵇ − 1) / b in p with r = q / p and b = 1 − a, and
    −(r⁻ᵃ − 1) / −a in q.
    """
    no_p, no_q, safe_p, safe_q = _absent(p, q)
    first, other, y, b = _sides(safe_p, safe_q, a)
    small = jnp.abs(y) < 1
    t = select(small, y, 0.0)
    near = first * t * (exp_excess(t) - exp_excess(b * t))
    far = (other - first) - first * deformed_log(y, b)
    term = select(small, near, far) / (1 - b)
    term = select(no_q, p * _inverse(1 - a, jnp.inf), term)
    return select(p == q, 0.0, select(no_p, q * _inverse(a, jnp.inf), term))


def _power_term_jvp(primals: tuple, tangents: tuple) -> tuple:
    (p, q, a), (dp, dq, da) = primals, tangents
    no_p, no_q, safe_p, safe_q = _absent(p, q)
    y = log_ratio(safe_q, safe_p)

    def in_p() -> Array:
        at_zero = select(a > 1, -_inverse(a - 1, 0.0), select((a > 0) | (q == 0), 0.0, -jnp.inf))
        without_q = select(no_q, _inverse(1 - a, jnp.inf), -deformed_log(y, 1 - a))
        return select(no_p, at_zero, without_q)

    def in_q() -> Array:
        without_q = select(a < 0, -_inverse(-a, 0.0), select(a < 1, 0.0, -jnp.inf))
        with_p = select(no_q, without_q, deformed_log(y, -a))
        return select(no_p, select(q == 0, _inverse(a, 0.0), _inverse(a, jnp.inf)), with_p)

    def in_a() -> Array:
        first, _, z, b = _sides(safe_p, safe_q, a)
        # in b it rises by what the division by 1 − b adds, and falls by what the power takes
        rise = power_term(safe_p, safe_q, a) - first * z * z * exp_excess_slope(b * z)
        term = select(a < 0.5, rise, -rise) / (1 - b)
        return select(no_p, -q * _inverse(a, 0.0) ** 2, select(no_q, p * _inverse(1 - a, 0.0) ** 2, term))

    term = power_term(p, q, a)
    return term, _tangent(term, (in_p, dp), (in_q, dq), (in_a, da))


power_term.defjvp(_power_term_jvp, symbolic_zeros=True)


@jax.custom_jvp
@jax.jit
def log_to_total(p: Array, total: Array, gap: Array) -> Array:
    """log(p / total), given also gap = total − p as a sum that did not cancel."""
    s = quotient(gap, p)
    near = jnp.abs(s) < 0.25
    return select(near, -jnp.log1p(select(near, s, 0.0)), jnp.log(p / total))


@log_to_total.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p, total, _), (dp, dtotal, _) = primals, tangents
    return log_to_total(*primals), dp / p - dtotal / total


def _mixture(ps: Array, weights: Array) -> tuple[Array, Array, Array, Array]:
    """w, the mixture m, m − p for each p, and whether p takes part.

    The differences are taken from the vector of most weight: exact where the vectors are close.
    """
    w = weights.reshape((-1,) + (1,) * (ps.ndim - 1))
    origin = ps[jnp.argmax(weights)]
    apart = ps - origin[None]
    shift = jnp.sum(w * apart, axis=0)
    return w, origin + shift, shift[None] - apart, (ps != 0) & (w != 0)


@jax.custom_jvp
@jax.jit
def mixture_term(ps: Array, weights: Array) -> Array:
    """Σ wᵢ (pᵢ log(pᵢ / m) − pᵢ + m) ≥ 0 over the leading axis, with m = Σ wᵢ pᵢ; exactly 0 where all pᵢ are equal."""
    w, mixed, gap, present = _mixture(ps, weights)
    return jnp.sum(w * _to_mixture(ps, mixed, gap, present), axis=0)


def _to_mixture(ps: Array, mixed: Array, gap: Array, present: Array) -> Array:
    p, s = select(present, ps, 1.0), select(present, gap / select(present, ps, 1.0), 0.0)
    term = p * linear_minus_log(s, select(present, mixed[None] / p, 1.0))
    return select(present & ~jnp.isposinf(s), term, mixed[None])


@mixture_term.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (ps, weights), (dps, dweights) = primals, tangents
    w, mixed, gap, present = _mixture(ps, weights)
    # m is where the sum is least: its own variation does not count
    p, m = select(present, ps, 1.0), select(present, mixed[None], 1.0)
    in_p = select(present, w * log_to_total(p, m, select(present, gap, 0.0)), 0.0)
    in_w = jnp.sum(dweights.reshape(w.shape) * _to_mixture(ps, mixed, gap, present), axis=0)
    return mixture_term(ps, weights), jnp.sum(in_p * dps, axis=0) + in_w
