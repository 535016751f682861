"""Cancellation-free primitives, each with its own derivative rule.

Everything here is a quantity that the textbook formula computes as a small difference of large numbers. The first two
derivatives of each primitive are again primitives of this file, so that a gradient and a Hessian are as accurate as
the value, and so that compiled programs stay small: autodiff never goes through a series.
"""

import functools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

HALF_LOG_2PI = 0.9189385332046727

# log1p(s) = 2 atanh(r) with r = s / (2 + s). The series in r**2 is used for |r| < 0.2, where twelve terms leave less
# than 1e-17 and the direct difference would start to cancel.
_ATANH_TAIL = [1.0 / (2 * k + 3) for k in range(12)]

# Stirling series of log Gamma: sum of B_2k / (2k (2k - 1) z**(2k - 1)), k = 1, 2, ...; with z >= 10 the first omitted
# term is below 3e-17. The derivatives have the same coefficients times (2k - 1) and 2k (2k - 1).
_STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]
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


def as_float(x: object) -> Array:
    """`x` as a floating-point array; integers become the default float type, floats keep theirs."""
    if isinstance(x, (int, np.integer)) or (isinstance(x, np.ndarray) and np.issubdtype(x.dtype, np.integer)):
        x = np.asarray(x, float)  # which JAX would wrap at 2³¹ where it works in 32 bits
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    total = jnp.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


@jax.custom_jvp
def linear_minus_log(s: Array, ratio: Array) -> Array:
    """s − log(ratio), where ratio = 1 + s is given too; ≥ 0, and 0 only at s = 0.

    The caller forms `s` from a difference of its own parameters, exactly, and `ratio` from their quotient: near s = 0
    only `s` is used, near s = −1 only the quotient is accurate. Derivative in s: s / ratio.
    """
    r = s / (2 + s)
    near = jnp.abs(r) < 0.2
    r = jnp.where(near, r, 0.0)
    series = r * (s - 2 * r * r * _polynomial(_ATANH_TAIL, r * r))
    # at s = +inf the difference of two infinities is +inf
    return jnp.where(near, series, jnp.where(jnp.isposinf(s), s, s - jnp.log(ratio)))


@linear_minus_log.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    s, ratio = primals
    return linear_minus_log(s, ratio), s / ratio * tangents[0]


def xlogy(x: Array, y: Array) -> Array:
    """x log y, and 0 with derivative 0 in y at x = 0, also where y is 0."""
    zero = x == 0
    return jnp.where(zero, 0.0, x * jnp.log(jnp.where(zero, 1.0, y)))


def xlog1py(x: Array, y: Array) -> Array:
    """x log(1 + y), and 0 with derivative 0 in y at x = 0, also where y is −1."""
    zero = x == 0
    return jnp.where(zero, 0.0, x * jnp.log1p(jnp.where(zero, 0.0, y)))


@jax.custom_jvp
def expm1_minus(x: Array) -> Array:
    """exp(x) − 1 − x ≥ 0, without cancellation near 0."""
    near = jnp.abs(x) < 0.5
    t = jnp.where(near, x, 0.0)
    # the first omitted term, 0.5**14 / 16!, is below 1e-17 of the leading one
    series = t * t * _polynomial([1.0 / math.factorial(k) for k in range(2, 16)], t)
    far = jnp.expm1(x)
    return jnp.where(near, series, jnp.where(jnp.isposinf(far), far, far - x))


@expm1_minus.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return expm1_minus(*primals), jnp.expm1(primals[0]) * tangents[0]


def expm1_ratio(x: Array) -> Array:
    """(exp(x) − 1) / x, smooth through 1 at x = 0. Its series is differentiated as it is."""
    near = jnp.abs(x) < 1
    series = _polynomial([1.0 / math.factorial(k + 1) for k in range(19)], jnp.where(near, x, 0.0))
    safe = jnp.where(near, 1.0, x)
    return jnp.where(near, series, jnp.expm1(safe) / safe)


@jax.custom_jvp
def log_ratio(p: Array, q: Array) -> Array:
    """log(p / q) for positive p and q, accurate when they are close."""
    s = (p - q) / q
    # of numbers below −0.29 the log1p of XLA on CPU loses two digits, and log does not
    near = jnp.abs(s) < 0.25
    return jnp.where(near, jnp.log1p(jnp.where(near, s, 0.0)), jnp.log(p / q))


@log_ratio.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p, q), (dp, dq) = primals, tangents
    return log_ratio(p, q), dp / p - dq / q


@jax.custom_jvp
def relative_difference(q: Array, p: Array) -> Array:
    """(q − p) / q, whose derivative does not form q², which leaves the range of floats before q does."""
    return (q - p) / q


@relative_difference.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (q, p), (dq, dp) = primals, tangents
    return relative_difference(q, p), (p / q) * (dq / q) - dp / q


@jax.custom_jvp
def relative_entropy_term(p: Array, q: Array) -> Array:
    """p log(p / q) − p + q ≥ 0: one term of a Kullback–Leibler divergence.

    Summed over two vectors of equal total it is Σ p log(p / q), with no cancellation between terms. p = 0 gives q and
    p > 0 = q gives +inf; at p = 0 the derivative in p (which has no finite limit) is 0.
    """
    present = p != 0
    safe_p, safe_q = jnp.where(present, p, 1.0), jnp.where(present, q, 1.0)
    s, ratio = (safe_q - safe_p) / safe_p, safe_q / safe_p
    term = safe_p * linear_minus_log(s, ratio)
    # q / p overflows only when p log(p / q) is far below the rounding error of q
    return jnp.where(present & ~jnp.isposinf(s), term, q)


@relative_entropy_term.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p, q), (dp, dq) = primals, tangents
    present = p != 0
    safe_p, safe_q = jnp.where(present, p, 1.0), jnp.where(present, q, 1.0)
    slope_p = jnp.where(present, log_ratio(safe_p, safe_q), 0.0)
    slope_q = jnp.where(present, relative_difference(safe_q, safe_p), 1.0)
    return relative_entropy_term(p, q), slope_p * dp + slope_q * dq


def _shifted(a: Array) -> tuple[Array, Array, Array]:
    """Whether a is below 10; a + 10 where it is, else a: the Stirling series needs a large argument; a where it is."""
    small = a < _SHIFT
    return small, jnp.where(small, a + _SHIFT, a), jnp.where(small, a, 1.0)


@jax.custom_jvp
def log_gamma_gap(a: Array) -> Array:
    """log Γ(a) − (a log a − a), for a > 0: what Stirling's leading terms leave, about ½ log(2π / a).

    Derivative: −`digamma_gap`.
    """
    small, z, low = _shifted(a)
    large = HALF_LOG_2PI - 0.5 * jnp.log(z) + _stirling(z)
    # log Γ(a) = log Γ(a + 10) − log(a (a + 1) ... (a + 9))
    factors = _polynomial(_FACTORS, low * (low + 9)) / z**_SHIFT
    return large + jnp.where(small, low * jnp.log1p(_SHIFT / low) - _SHIFT - jnp.log(factors), 0.0)


@log_gamma_gap.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return log_gamma_gap(*primals), -digamma_gap(*primals) * tangents[0]


def log_gamma_gap_drop(a: Array, delta: Array) -> Array:
    """`log_gamma_gap`(a) − `log_gamma_gap`(a + delta) for delta ≥ 0 (not far below 1), as a grows to infinity too.

    Derivatives go through Stirling's polynomials as they are: the drop fades faster than the gap, and so would be a
    difference of the gap's own derivatives.
    """
    small = a < _SHIFT
    z, low = jnp.where(small, float(_SHIFT), a), jnp.where(small, a, 1.0)
    large = 0.5 * jnp.log1p(delta / z) + _stirling(z) - _stirling(z + delta)
    return jnp.where(small, log_gamma_gap(low) - log_gamma_gap(low + jnp.where(small, delta, 0.0)), large)


def log_gamma_half_step(a: Array) -> Array:
    """log Γ(a + ½) − log Γ(a) − ½ log a for a > 0: about −1 / (8a). Derivatives as for `log_gamma_gap_drop`."""
    small, z, low = _shifted(a)
    large = _polynomial(_HALF_STEP, 1 / (z * z)) / z
    # by half steps from a to a + 10: each changes log Γ(a + ½) − log Γ(a) by log((a + ½) / a) of where it starts,
    # with alternating signs
    steps = 0.5 * jnp.arange(2 * _SHIFT, dtype=a.dtype)
    rises = jnp.log1p(0.5 / (low[..., None] + steps.reshape((1,) * a.ndim + (-1,))))
    return large + jnp.where(small, 0.5 * jnp.sum(rises[..., 1::2] - rises[..., ::2], -1), 0.0)


def _stirling(z: Array) -> Array:
    return _polynomial(_STIRLING, 1 / (z * z)) / z


@jax.custom_jvp
def digamma_gap(a: Array) -> Array:
    """log a − ψ(a) > 0, for a > 0: about 1 / (2a). Derivative: −`trigamma_gap`."""
    small, z, low = _shifted(a)
    large = (0.5 + _polynomial(_DIGAMMA, 1 / (z * z)) / z) / z
    # Σ 1 / (a + k) is the logarithmic derivative of the ten factors
    t = low * (low + 9)
    harmonic = (2 * low + 9) * _polynomial(_FACTORS_1, t) / _polynomial(_FACTORS, t)
    return large + jnp.where(small, harmonic - jnp.log1p(_SHIFT / low), 0.0)


@digamma_gap.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return digamma_gap(*primals), -trigamma_gap(*primals) * tangents[0]


@jax.custom_jvp
def trigamma_gap(a: Array) -> Array:
    """ψ′(a) − 1 / a > 0, for a > 0: about 1 / (2a²). Derivative: −`tetragamma_gap`."""
    small, z, low = _shifted(a)
    large = (0.5 + _polynomial(_TRIGAMMA, 1 / (z * z)) / z) / (z * z)
    # Σ 1 / (a + k)², minus the derivative of the sum in `digamma_gap`; and 1 / z − 1 / a
    t, width = low * (low + 9), 2 * low + 9
    inverse = 1 / _polynomial(_FACTORS, t)
    squares = width * width * _polynomial(_FACTORS_2, t) * inverse - 2 * _polynomial(_FACTORS_1, t)
    return large + jnp.where(small, squares * inverse - _SHIFT / (low * z), 0.0)


@trigamma_gap.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return trigamma_gap(*primals), -tetragamma_gap(*primals) * tangents[0]


def tetragamma_gap(a: Array) -> Array:
    """−ψ″(a) − 1 / a² > 0, for a > 0: about 1 / a³. Sums of positive terms, which may be differentiated as they are."""
    small, z, low = _shifted(a)
    inverse = 1 / z
    large = (1 + _polynomial(_TETRAGAMMA, inverse * inverse) * inverse) * inverse * inverse * inverse
    # Σ 2 / b³ over b = a, ..., a + 9, less 1 / a² − 1 / z², which telescopes
    b = low[..., None] + jnp.arange(_SHIFT, dtype=a.dtype).reshape((1,) * a.ndim + (-1,))
    shift = jnp.sum((3 * b + 2) / (b * b * b * (b + 1) * (b + 1)), -1)
    return large + jnp.where(small, shift, 0.0)


def small_digamma_gap(c: Array) -> Array:
    """`digamma_gap`(1 / c) for 0 < c ≤ 0.1, continued smoothly to c ≥ −0.1, where it is `digamma_gap`(−1 / c) + c."""
    return (0.5 + _polynomial(_DIGAMMA, c * c) * c) * c


def small_trigamma(c: Array) -> Array:
    """ψ′(1 / c) for 0 < c ≤ 0.1, continued smoothly to c ≥ −0.1, where it is −ψ′(1 − 1 / c)."""
    return (1 + (0.5 + _polynomial(_TRIGAMMA, c * c) * c) * c) * c


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
    safe = jnp.where(positive, x, 1.0)
    return jnp.where(positive, log_gamma_gap(safe) + jnp.log(safe), 0.0)


# Eight Gauss–Legendre nodes on [0, 1].
_NODES = [0.019855071751231884, 0.10166676129318664, 0.2372337950418355, 0.4082826787521751,
          0.5917173212478249, 0.7627662049581645, 0.8983332387068134, 0.9801449282487681]  # fmt: skip
_WEIGHTS = [0.05061426814518813, 0.11119051722668724, 0.15685332293894364, 0.18134189168918100,
            0.18134189168918100, 0.15685332293894364, 0.11119051722668724, 0.05061426814518813]  # fmt: skip


def _integrate(f: Callable[[Array], Array], a: Array, delta: Array) -> tuple[Array, Array]:
    """Whether delta is small beside a, and the integrand f at a + t delta with t the nodes on a last axis."""
    # with the pole at 0 as near as 1.2 eight nodes leave 1e-9
    reach = 0.4 if jnp.finfo(a.dtype).bits > 32 else 1.2
    near = jnp.abs(delta) < reach * jnp.minimum(a, a + delta)
    nodes = jnp.asarray(_NODES, a.dtype).reshape((1,) * a.ndim + (-1,))
    return near, f(a[..., None] + jnp.where(near, delta, 0.0)[..., None] * nodes)


@jax.custom_jvp
def log_gamma_bregman(a: Array, delta: Array) -> Array:
    """S(a + delta) − S(a) − delta S′(a) ≥ 0 for S = `log_gamma_gap`, without cancellation.

    For small delta it is the integral of (1 − t) S″(a + t delta) delta² over [0, 1]; the nearest pole is then so far
    that eight nodes leave less than 1e-16. Farther off it is the plain difference.
    """
    near, values = _integrate(trigamma_gap, a, delta)
    weights = jnp.asarray([w * (1 - t) for t, w in zip(_NODES, _WEIGHTS, strict=True)], a.dtype)
    far = log_gamma_gap(a + delta) - log_gamma_gap(a) + delta * digamma_gap(a)
    return jnp.where(near, delta * delta * (values @ weights), far)


@log_gamma_bregman.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (a, delta), (da, ddelta) = primals, tangents
    slope = digamma_gap_drop(a, delta)
    return log_gamma_bregman(a, delta), (slope - delta * trigamma_gap(a)) * da + slope * ddelta


@jax.custom_jvp
def digamma_gap_drop(a: Array, delta: Array) -> Array:
    """`digamma_gap`(a) − `digamma_gap`(a + delta), without cancellation: the integral of `trigamma_gap` between."""
    near, values = _integrate(trigamma_gap, a, delta)
    return jnp.where(near, delta * (values @ jnp.asarray(_WEIGHTS, a.dtype)), digamma_gap(a) - digamma_gap(a + delta))


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


# Twelve Gauss–Legendre nodes on [0, 1].
_TWELVE = 0.5 + 0.5 * np.polynomial.legendre.leggauss(12)[0], 0.5 * np.polynomial.legendre.leggauss(12)[1]


def _twelve(x: Array) -> tuple[Array, Array]:
    """The nodes along a new last axis of x, and their weights."""
    nodes, weights = (jnp.asarray(v, x.dtype) for v in _TWELVE)
    return nodes.reshape((1,) * x.ndim + (-1,)), weights


def log1p_over(w: Array) -> Array:
    """log(1 + w) / w > 0 for w > −1; 1 at w = 0.

    Near 0 it is the mean of 1 / (1 + w t) over t in [0, 1], whose derivatives are sums of terms of one sign too: twelve
    nodes leave less than 1e-17.
    """
    near = jnp.abs(w) < 0.5
    nodes, weights = _twelve(w)
    mean = (1 / (1 + jnp.where(near, w, 0.0)[..., None] * nodes)) @ weights
    far = jnp.where(near, 1.0, w)
    return jnp.where(near, mean, jnp.log1p(far) / far)


# The numbers x in [0, 1] with a density proportional to exp(t x): log of its integral, and the first two cumulants.
# Near t = 0 by nodes, which are exact to rounding for |t| < 2; elsewhere by exp(−|t|).


def _tilted(t: Array) -> tuple[Array, Array, Array, Array]:
    """Whether t is near 0, t itself where it is, the nodes, and their weights times exp(t x)."""
    near = jnp.abs(t) < 2
    nodes, weights = _twelve(t)
    safe = jnp.where(near, t, 0.0)
    return near, jnp.where(near, 2.0, t), nodes, weights.reshape(nodes.shape) * jnp.exp(safe[..., None] * nodes)


@jax.custom_jvp
def log_mean_exp(t: Array) -> Array:
    """log((exp(t) − 1) / t), the logarithm of the mean of exp(t x) over x in [0, 1]. Derivative: `tilted_mean`."""
    near, far, _, terms = _tilted(t)
    size = jnp.abs(far)
    plain = jnp.maximum(far, 0.0) + jnp.log(-jnp.expm1(-size)) - jnp.log(size)
    return jnp.where(near, jnp.log(jnp.sum(terms, -1)), plain)


@log_mean_exp.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return log_mean_exp(*primals), tilted_mean(*primals) * tangents[0]


@jax.custom_jvp
def tilted_mean(t: Array) -> Array:
    """The mean of x in [0, 1] with a density proportional to exp(t x). Derivative: `tilted_variance`."""
    near, far, nodes, terms = _tilted(t)
    size = jnp.abs(far)
    # of the distance from the end where the density is largest
    distance = 1 / size + jnp.exp(-size) / jnp.expm1(-size)
    mean = jnp.sum(nodes * terms, -1) / jnp.sum(terms, -1)
    return jnp.where(near, mean, jnp.where(far < 0, distance, 1 - distance))


@tilted_mean.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return tilted_mean(*primals), tilted_variance(*primals) * tangents[0]


def tilted_variance(t: Array) -> Array:
    """The variance of x in [0, 1] with a density proportional to exp(t x)."""
    near, far, nodes, terms = _tilted(t)
    total = jnp.sum(terms, -1)
    mean = jnp.sum(nodes * terms, -1) / total
    variance = jnp.sum((nodes - mean[..., None]) ** 2 * terms, -1) / total
    size = jnp.where(far < 0, -far, far)
    drop = jnp.exp(-0.5 * size) / jnp.expm1(-size)
    return jnp.where(near, variance, 1 / (size * size) - drop * drop)


def _tilted_variances(t: Array, delta: Array, weights: list[float]) -> tuple[Array, Array]:
    """Whether delta is small beside t and the poles, and a weighted sum of variances between t and t + delta."""
    # the poles are imaginary, the first at ±2π i
    ends = jnp.where(t * (t + delta) > 0, jnp.minimum(jnp.abs(t), jnp.abs(t + delta)), 0.0)
    near = jnp.abs(delta) < 0.4 * (5 + ends)
    steps = jnp.asarray(_NODES, t.dtype).reshape((1,) * t.ndim + (-1,))
    values = tilted_variance(t[..., None] + jnp.where(near, delta, 0.0)[..., None] * steps)
    return near, values @ jnp.asarray(weights, t.dtype)


@jax.custom_jvp
def log_mean_exp_bregman(t: Array, delta: Array) -> Array:
    """M(t + delta) − M(t) − delta M′(t) ≥ 0 for M = `log_mean_exp`, without cancellation."""
    near, mean = _tilted_variances(t, delta, [w * (1 - s) for s, w in zip(_NODES, _WEIGHTS, strict=True)])
    # M(t) − M(−t) is linear: from the side where M is small
    t, delta = jnp.where(t > 0, -t, t), jnp.where(t > 0, -delta, delta)
    far = log_mean_exp(t + delta) - log_mean_exp(t) - delta * tilted_mean(t)
    return jnp.where(near, delta * delta * mean, far)


@log_mean_exp_bregman.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (t, delta), (dt, ddelta) = primals, tangents
    slope = tilted_mean_rise(t, delta)
    return log_mean_exp_bregman(t, delta), (slope - delta * tilted_variance(t)) * dt + slope * ddelta


@jax.custom_jvp
def tilted_mean_rise(t: Array, delta: Array) -> Array:
    """`tilted_mean`(t + delta) − `tilted_mean`(t), without cancellation."""
    near, mean = _tilted_variances(t, delta, _WEIGHTS)
    low = t < 0
    far = tilted_mean(jnp.where(low, t + delta, -t)) - tilted_mean(jnp.where(low, t, -t - delta))
    return jnp.where(near, delta * mean, far)


@tilted_mean_rise.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (t, delta), (dt, ddelta) = primals, tangents
    end = tilted_variance(t + delta)
    return tilted_mean_rise(t, delta), (end - tilted_variance(t)) * dt + end * ddelta
