"""Cancellation-free primitives, each with its own derivative rule.

Everything here is a quantity that the textbook formula computes as a small difference of large numbers. The first two
derivatives of each primitive are again primitives of this file, so that a gradient and a Hessian are as accurate as
the value, and so that compiled programs stay small: autodiff never goes through a series.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._nodes import unit_nodes
from xentjax._select import select

HALF_LOG_2PI = 0.9189385332046727
LOG_2PI = 2 * HALF_LOG_2PI
EULER_GAMMA = 0.5772156649015329

# log1p(s) = 2 atanh(r) with r = s / (2 + s). The series in r**2 is used for |r| < 0.2, where twelve terms leave less
# than 1e-17 and the direct difference would start to cancel.
_ATANH_TAIL = [1.0 / (2 * k + 3) for k in range(12)]


def as_float(x: object) -> Array:
    """`x` as a floating-point array; integers become the default float type, floats keep theirs."""
    if isinstance(x, Array) and jnp.issubdtype(x.dtype, jnp.floating):
        return x
    if isinstance(x, (int, np.integer)) or (isinstance(x, np.ndarray) and np.issubdtype(x.dtype, np.integer)):
        x = np.asarray(x, float)  # which JAX would wrap at 2³¹ where it works in 32 bits
    x = to_device(x) if type(x) is np.ndarray else jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))


def to_device(x: np.ndarray) -> Array:
    """A copy of an array: `jnp.asarray` would compile a program for each shape."""
    return jax.device_put(np.array(x))


def polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """Σ coefficients[k] x^k."""
    total = jnp.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


# Functions with derivative rules of their own are jitted inside: used all over, they are traced once for each shape.


@jax.custom_jvp
@jax.jit
def linear_minus_log(s: Array, ratio: Array) -> Array:
    """s − log(ratio), where ratio = 1 + s is given too; ≥ 0, and 0 only at s = 0.

    The caller forms `s` from a difference of its own parameters, exactly, and `ratio` from their quotient: near s = 0
    only `s` is used, near s = −1 only the quotient is accurate. Derivative in s: s / ratio.
    """
    r = s / (2 + s)
    near = jnp.abs(r) < 0.2
    r = select(near, r, 0.0)
    series = r * (s - 2 * r * r * polynomial(_ATANH_TAIL, r * r))
    # at s = +inf the difference of two infinities is +inf
    return select(near, series, select(jnp.isposinf(s), s, s - jnp.log(ratio)))


@linear_minus_log.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    s, ratio = primals
    return linear_minus_log(s, ratio), s / ratio * tangents[0]


def xlogy(x: Array, y: Array) -> Array:
    """x log y, and 0 with derivative 0 in y at x = 0, also where y is 0."""
    zero = x == 0
    return select(zero, 0.0, x * jnp.log(select(zero, 1.0, y)))


def xlog1py(x: Array, y: Array) -> Array:
    """x log(1 + y), and 0 with derivative 0 in y at x = 0, also where y is −1."""
    zero = x == 0
    return select(zero, 0.0, x * jnp.log1p(select(zero, 0.0, y)))


@jax.custom_jvp
@jax.jit
def expm1_minus(x: Array) -> Array:
    """exp(x) − 1 − x ≥ 0, without cancellation near 0."""
    near = jnp.abs(x) < 0.5
    t = select(near, x, 0.0)
    # the first omitted term, 0.5**14 / 16!, is below 1e-17 of the leading one
    series = t * t * polynomial([1.0 / math.factorial(k) for k in range(2, 16)], t)
    far = jnp.expm1(x)
    return select(near, series, select(jnp.isposinf(far), far, far - x))


@expm1_minus.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return expm1_minus(*primals), jnp.expm1(primals[0]) * tangents[0]


def expm1_ratio(x: Array) -> Array:
    """(exp(x) − 1) / x, smooth through 1 at x = 0. Its series is differentiated as it is."""
    near = jnp.abs(x) < 1
    series = polynomial([1.0 / math.factorial(k + 1) for k in range(19)], select(near, x, 0.0))
    safe = select(near, 1.0, x)
    return select(near, series, jnp.expm1(safe) / safe)


@jax.custom_jvp
@jax.jit
def log1mexp(x: Array) -> Array:
    """log(1 − exp(x)) for x ≤ 0; −inf at 0."""
    near = x > -0.7
    return select(near, jnp.log(-jnp.expm1(select(near, x, -1.0))), jnp.log1p(-jnp.exp(x)))


@log1mexp.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    # exp(x) / expm1(x) rather than −1 / expm1(−x), whose own derivative is inf / inf at −1000
    return log1mexp(*primals), jnp.exp(primals[0]) / jnp.expm1(primals[0]) * tangents[0]


@jax.custom_jvp
@jax.jit
def log_ratio(p: Array, q: Array) -> Array:
    """log(p / q) for positive p and q, accurate when they are close."""
    s = (p - q) / q
    # of numbers below −0.29 the log1p of XLA on CPU loses two digits, and log does not
    near = jnp.abs(s) < 0.25
    return select(near, jnp.log1p(select(near, s, 0.0)), jnp.log(p / q))


@log_ratio.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p, q), (dp, dq) = primals, tangents
    return log_ratio(p, q), dp / p - dq / q


def quotient(x: Any, y: Array) -> Any:
    """x / y, whose derivatives form no powers of y, which leave the range of floats before y does.

    The number 0.0, the spread of a single point, stays the number, of no shape: its derivatives would be as many terms
    again.
    """
    return x if isinstance(x, float) and x == 0 else _quotient(x, y)


@jax.custom_jvp
@functools.partial(jax.jit, inline=True)
def _quotient(x: Array, y: Array) -> Array:
    return x / y


@_quotient.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (x, y), (dx, dy) = primals, tangents
    value = _quotient(x, y)
    return value, _quotient(dx, y) - value * _quotient(dy, y)


@jax.custom_jvp
@functools.partial(jax.jit, inline=True)
def relative_difference(q: Array, p: Array) -> Array:
    """(q − p) / q, whose derivative does not form q², which leaves the range of floats before q does."""
    return (q - p) / q


@relative_difference.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (q, p), (dq, dp) = primals, tangents
    return relative_difference(q, p), (p / q) * (dq / q) - dp / q


@jax.custom_jvp
@jax.jit
def relative_entropy_term(p: Array, q: Array) -> Array:
    """p log(p / q) − p + q ≥ 0: one term of a Kullback–Leibler divergence.

    Summed over two vectors of equal total it is Σ p log(p / q), with no cancellation between terms. p = 0 gives q and
    p > 0 = q gives +inf; at p = 0 the derivative in p (which has no finite limit) is 0.
    """
    present = p != 0
    safe_p, safe_q = select(present, p, 1.0), select(present, q, 1.0)
    s, ratio = (safe_q - safe_p) / safe_p, safe_q / safe_p
    term = safe_p * linear_minus_log(s, ratio)
    # q / p overflows only when p log(p / q) is far below the rounding error of q
    return select(present & ~jnp.isposinf(s), term, q)


@relative_entropy_term.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p, q), (dp, dq) = primals, tangents
    present = p != 0
    safe_p, safe_q = select(present, p, 1.0), select(present, q, 1.0)
    slope_p = select(present, log_ratio(safe_p, safe_q), 0.0)
    slope_q = select(present, relative_difference(safe_q, safe_p), 1.0)
    return relative_entropy_term(p, q), slope_p * dp + slope_q * dq


def log1p_over(w: Array) -> Array:
    """log(1 + w) / w > 0 for w > −1; 1 at w = 0.

    Near 0 it is the mean of 1 / (1 + w t) over t in [0, 1], whose derivatives are sums of terms of one sign too: twelve
    nodes leave less than 1e-17.
    """
    near = jnp.abs(w) < 0.5
    nodes, weights = unit_nodes(w, 12)
    mean = (1 / (1 + select(near, w, 0.0)[..., None] * nodes)) @ weights
    far = select(near, 1.0, w)
    return select(near, mean, jnp.log1p(far) / far)
