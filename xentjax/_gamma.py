"""The gamma function and its derivatives, without cancellation.

As in `_numerics`: the derivatives of each function are again functions of this file, so that autodiff goes through no
series.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._nodes import BREGMAN_WEIGHTS, NODES, WEIGHTS, legendre
from xentjax._numerics import HALF_LOG_2PI, expm1_minus, linear_minus_log, polynomial
from xentjax._select import select

# Stirling series of log Gamma: sum of B_2k / (2k (2k - 1) z**(2k - 1)), k = 1, 2, ...; with z >= 10 the first omitted
# term is below 2e-19, and that of the fourth derivative below 3e-15 of it. The derivatives have the same coefficients
# times (2k - 1) and 2k (2k - 1).
_STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400, 43867 / 244188]
_DIGAMMA = [(2 * k + 1) * c for k, c in enumerate(_STIRLING)]
# of log Γ(a + ½) − log Γ(a) − ½ log a
_HALF_STEP = [-2 * (1 - 0.25 ** (k + 1)) * c for k, c in enumerate(_STIRLING)]
_TRIGAMMA = [(2 * k + 2) * c for k, c in enumerate(_DIGAMMA)]
_TETRAGAMMA = [(2 * k + 3) * c for k, c in enumerate(_TRIGAMMA)]
_SHIFT = 10


def _times(p: list[int], q: list[int]) -> list[int]:
    """The product of two polynomials, by coefficients."""
    product = [0] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        for j, b in enumerate(q):
            product[i + j] += a * b
    return product


# The ten factors between Γ(a) and Γ(a + 10), two by two: (a + k)(a + 9 − k) = t + k (9 − k) with t = a (a + 9). Their
# product P(t), its derivative P′, and P′² − P P″ have positive coefficients only, so nothing cancels.
_FACTORS = functools.reduce(_times, ([k * (9 - k), 1] for k in range(5)))
_FACTORS_1 = [k * c for k, c in enumerate(_FACTORS)][1:]
_FACTORS_2 = [
    square - product
    for square, product in zip(
        _times(_FACTORS_1, _FACTORS_1),
        _times(_FACTORS, [k * c for k, c in enumerate(_FACTORS_1)][1:]),
        strict=True,
    )
]


def _shifted(a: Array) -> tuple[Array, Array, Array]:
    """Whether a is below 10; a + 10 where it is, else a: the Stirling series needs a large argument; a where it is."""
    small = a < _SHIFT
    return small, select(small, a + _SHIFT, a), select(small, a, 1.0)


@jax.custom_jvp
@jax.jit
def log_gamma_gap(a: Array) -> Array:
    """log Γ(a) − (a log a − a), for a > 0: what Stirling's leading terms leave, about ½ log(2π / a).

    Derivative: −`digamma_gap`.
    """
    small, z, low = _shifted(a)
    large = HALF_LOG_2PI - 0.5 * jnp.log(z) + _stirling(z)
    # log Γ(a) = log Γ(a + 10) − log(a (a + 1) ... (a + 9))
    factors = polynomial(_FACTORS, low * (low + 9)) / z**_SHIFT
    return large + select(small, low * jnp.log1p(_SHIFT / low) - _SHIFT - jnp.log(factors), 0.0)


@log_gamma_gap.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return log_gamma_gap(*primals), -digamma_gap(*primals) * tangents[0]


def log_gamma_gap_drop(a: Array, delta: Array) -> Array:
    """`log_gamma_gap`(a) − `log_gamma_gap`(a + delta) for delta ≥ 0 (not far below 1), as a grows to infinity too.

    Derivatives go through Stirling's polynomials as they are: the drop fades faster than the gap, and so would be a
    difference of the gap's own derivatives.
    """
    small = a < _SHIFT
    z, low = select(small, float(_SHIFT), a), select(small, a, 1.0)
    large = 0.5 * jnp.log1p(delta / z) + _stirling(z) - _stirling(z + delta)
    return select(small, log_gamma_gap(low) - log_gamma_gap(low + select(small, delta, 0.0)), large)


def log_gamma_half_step(a: Array) -> Array:
    """log Γ(a + ½) − log Γ(a) − ½ log a for a > 0: about −1 / (8a). Derivatives as for `log_gamma_gap_drop`."""
    small, z, low = _shifted(a)
    large = polynomial(_HALF_STEP, 1 / (z * z)) / z
    # by half steps from a to a + 10: each changes log Γ(a + ½) − log Γ(a) by log((a + ½) / a) of where it starts,
    # with alternating signs
    steps = 0.5 * jnp.arange(2 * _SHIFT, dtype=a.dtype)
    rises = jnp.log1p(0.5 / (low[..., None] + steps.reshape((1,) * a.ndim + (-1,))))
    return large + select(small, 0.5 * jnp.sum(rises[..., 1::2] - rises[..., ::2], -1), 0.0)


def _stirling(z: Array) -> Array:
    return polynomial(_STIRLING, 1 / (z * z)) / z


@jax.custom_jvp
@jax.jit
def digamma_gap(a: Array) -> Array:
    """log a − ψ(a) > 0, for a > 0: about 1 / (2a). Derivative: −`trigamma_gap`."""
    small, z, low = _shifted(a)
    large = (0.5 + polynomial(_DIGAMMA, 1 / (z * z)) / z) / z
    # Σ 1 / (a + k) is the logarithmic derivative of the ten factors
    t = low * (low + 9)
    harmonic = (2 * low + 9) * polynomial(_FACTORS_1, t) / polynomial(_FACTORS, t)
    return large + select(small, harmonic - jnp.log1p(_SHIFT / low), 0.0)


@digamma_gap.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return digamma_gap(*primals), -trigamma_gap(*primals) * tangents[0]


@jax.custom_jvp
@jax.jit
def trigamma_gap(a: Array) -> Array:
    """ψ′(a) − 1 / a > 0, for a > 0: about 1 / (2a²). Derivative: −`tetragamma_gap`."""
    small, z, low = _shifted(a)
    large = (0.5 + polynomial(_TRIGAMMA, 1 / (z * z)) / z) / (z * z)
    # Σ 1 / (a + k)², minus the derivative of the sum in `digamma_gap`; and 1 / z − 1 / a
    t, width = low * (low + 9), 2 * low + 9
    inverse = 1 / polynomial(_FACTORS, t)
    squares = width * width * polynomial(_FACTORS_2, t) * inverse - 2 * polynomial(_FACTORS_1, t)
    return large + select(small, squares * inverse - _SHIFT / (low * z), 0.0)


@trigamma_gap.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return trigamma_gap(*primals), -tetragamma_gap(*primals) * tangents[0]


def tetragamma_gap(a: Array) -> Array:
    """−ψ″(a) − 1 / a² > 0, for a > 0: about 1 / a³. Sums of positive terms, which may be differentiated as they are."""
    small, z, low = _shifted(a)
    inverse = 1 / z
    large = (1 + polynomial(_TETRAGAMMA, inverse * inverse) * inverse) * inverse * inverse * inverse
    # Σ 2 / b³ over b = a, ..., a + 9, less 1 / a² − 1 / z², which telescopes
    b = low[..., None] + jnp.arange(_SHIFT, dtype=a.dtype).reshape((1,) * a.ndim + (-1,))
    shift = jnp.sum((3 * b + 2) / (b * b * b * (b + 1) * (b + 1)), -1)
    return large + select(small, shift, 0.0)


def small_digamma_gap(c: Array) -> Array:
    """`digamma_gap`(1 / c) for 0 < c ≤ 0.1, continued smoothly to c ≥ −0.1, where it is `digamma_gap`(−1 / c) + c."""
    return (0.5 + polynomial(_DIGAMMA, c * c) * c) * c


def small_trigamma(c: Array) -> Array:
    """ψ′(1 / c) for 0 < c ≤ 0.1, continued smoothly to c ≥ −0.1, where it is −ψ′(1 − 1 / c)."""
    return (1 + (0.5 + polynomial(_TRIGAMMA, c * c) * c) * c) * c


def digamma(a: Array) -> Array:
    """ψ(a) for a > 0, with derivatives that stay in this file."""
    return jnp.log(a) - digamma_gap(a)


def trigamma(a: Array) -> Array:
    """ψ′(a) for a > 0."""
    return 1 / a + trigamma_gap(a)


def log_gamma(a: Array) -> Array:
    """log Γ(a) for a > 0, with derivatives that stay in this file."""
    return log_gamma_gap(a) + a * jnp.log(a) - a


def log_factorial_gap(x: Array) -> Array:
    """log Γ(x + 1) − (x log x − x), for x ≥ 0: about ½ log(2π x); 0 at x = 0."""
    positive = x > 0
    safe = select(positive, x, 1.0)
    return select(positive, log_gamma_gap(safe) + jnp.log(safe), 0.0)


def _integrate(f: Callable[[Array], Array], a: Array, delta: Array) -> tuple[Array, Array]:
    """Whether delta is small beside a, and the integrand f at a + t delta with t the nodes on a last axis."""
    # with the pole at 0 as near as 1.2 eight nodes leave 1e-9
    reach = 0.4 if jnp.finfo(a.dtype).bits > 32 else 1.2
    near = jnp.abs(delta) < reach * jnp.minimum(a, a + delta)
    nodes = jnp.asarray(NODES, a.dtype).reshape((1,) * a.ndim + (-1,))
    return near, f(a[..., None] + select(near, delta, 0.0)[..., None] * nodes)


@jax.custom_jvp
@jax.jit
def log_gamma_bregman(a: Array, delta: Array) -> Array:
    """S(a + delta) − S(a) − delta S′(a) ≥ 0 for S = `log_gamma_gap`, without cancellation.

    For small delta it is the integral of (1 − t) S″(a + t delta) delta² over [0, 1]; the nearest pole is then so far
    that eight nodes leave less than 1e-16. Farther off it is the plain difference.
    """
    near, values = _integrate(trigamma_gap, a, delta)
    weights = jnp.asarray(BREGMAN_WEIGHTS, a.dtype)
    far = log_gamma_gap(a + delta) - log_gamma_gap(a) + delta * digamma_gap(a)
    return select(near, delta * delta * (values @ weights), far)


@log_gamma_bregman.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (a, delta), (da, ddelta) = primals, tangents
    slope = digamma_gap_drop(a, delta)
    return log_gamma_bregman(a, delta), (slope - delta * trigamma_gap(a)) * da + slope * ddelta


@jax.custom_jvp
@jax.jit
def digamma_gap_drop(a: Array, delta: Array) -> Array:
    """`digamma_gap`(a) − `digamma_gap`(a + delta), without cancellation: the integral of `trigamma_gap` between."""
    near, values = _integrate(trigamma_gap, a, delta)
    return select(near, delta * (values @ jnp.asarray(WEIGHTS, a.dtype)), digamma_gap(a) - digamma_gap(a + delta))


@digamma_gap_drop.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (a, delta), (da, ddelta) = primals, tangents
    end = trigamma_gap(a + delta)
    return digamma_gap_drop(a, delta), (end - trigamma_gap(a)) * da + end * ddelta


def log_gamma_rise(a: Array, delta: Array) -> Array:
    """log Γ(a + delta) − log Γ(a) − delta ψ(a) ≥ 0, without cancellation."""
    return log_gamma_bregman(a, delta) + _entropy_rise(a, delta)


def _entropy_rise(a: Array, delta: Array) -> Array:
    """(a + delta) log((a + delta) / a) − delta ≥ 0."""
    b = a + delta
    return b * linear_minus_log(-delta / b, a / b)


# ∫ (exp(−a t) − 1 + a t) / (t (exp(t) − 1)) dt over t > 0 is log Γ(1 + a) + γ a
_BINET_NODES, _BINET_WEIGHTS = (40 * v for v in legendre(32))
_BINET_WEIGHTS = _BINET_WEIGHTS / (_BINET_NODES * np.expm1(_BINET_NODES))


def log_gamma_after_1(a: Array) -> Array:
    """log Γ(1 + a) + γ a ≥ 0, for 0 ≤ a ≤ 1, with relative accuracy at 0."""
    nodes, weights = (jnp.asarray(v, a.dtype).reshape((1,) * a.ndim + (-1,)) for v in (_BINET_NODES, _BINET_WEIGHTS))
    return jnp.sum(weights * expm1_minus(-a[..., None] * nodes), -1)
