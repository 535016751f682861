"""Special functions of distributions: both tails in logs, with derivatives in every argument.

A tail is an integral of a positive function that is largest at, or near, one end. That end is taken out in closed form
and the rest, a smooth integrand of size 1, is summed over fixed Gauss–Legendre nodes on the stretch where it matters.
The stretch is no function of the arguments to autodiff: an integral does not depend on the scale of its nodes, so
derivatives of any order are moments under the same weights, as accurate as the value. The smaller tail is the one
integrated; the other is its complement.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.lax import stop_gradient

from xentjax import _numerics

# What jax.scipy.special 0.10 does instead: gammainc has no second derivative in a, betainc none at all in a and b; in
# float32 the derivative of log_ndtr at −10000 is 2981.
_EULER = 0.5772156649015329


@functools.cache
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes on [0, 1] and their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return 0.5 + 0.5 * nodes, 0.5 * weights


def _nodes(width: Array, count: int = 32) -> tuple[Array, Array]:
    """Nodes on [0, width] and their weights, on a last axis.

    For exp(−40 t) and exp(−40 t²) on [0, 1] 32 leave less than 1e-14; a peak in the middle needs more.
    """
    nodes, weights = (jnp.asarray(v, width.dtype).reshape((1,) * width.ndim + (-1,)) for v in _legendre(count))
    return width[..., None] * nodes, width[..., None] * weights


def _depth(x: Array) -> float:
    """Integrands are cut where they are below exp(−depth): in second moments the rest is below the rounding error."""
    return 4 - math.log(jnp.finfo(x.dtype).eps)


@jax.custom_jvp
def log1mexp(x: Array) -> Array:
    """log(1 − exp(x)) for x ≤ 0; −inf at 0."""
    near = x > -0.7
    return jnp.where(near, jnp.log(-jnp.expm1(jnp.where(near, x, -1.0))), jnp.log1p(-jnp.exp(x)))


@log1mexp.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    # exp(x) / expm1(x) rather than −1 / expm1(−x), whose own derivative is inf / inf at −1000
    return log1mexp(*primals), jnp.exp(primals[0]) / jnp.expm1(primals[0]) * tangents[0]


def log_normal_tails(z: Array) -> tuple[Array, Array]:
    """log Φ(z) and log Φ(−z).

    Φ(−|z|) = φ(z) ∫ exp(−|z| t − t² / 2) dt over t > 0.
    """
    size, depth = jnp.where(z < 0, -z, z), _depth(z)
    t, weights = _nodes(stop_gradient(2 * depth / (size + jnp.hypot(size, jnp.full_like(z, math.sqrt(2 * depth))))))
    mills = jnp.sum(weights * jnp.exp(-t * (size[..., None] + 0.5 * t)), -1)
    small = -0.5 * z * z - _numerics.HALF_LOG_2PI + jnp.log(mills)
    return _in_order(z < 0, small)


def _in_order(lower: Array, small: Array) -> tuple[Array, Array]:
    """The logs of the lower and the upper tail, given the one integrated and whether it is the lower."""
    other = log1mexp(small)
    return jnp.where(lower, small, other), jnp.where(lower, other, small)


# ∫ (exp(−a t) − 1 + a t) / (t (exp(t) − 1)) dt over t > 0 is log Γ(1 + a) + γ a
_BINET_NODES, _BINET_WEIGHTS = (40 * v for v in _legendre(32))
_BINET_WEIGHTS = _BINET_WEIGHTS / (_BINET_NODES * np.expm1(_BINET_NODES))


def _log_gamma_after_1(a: Array) -> Array:
    """log Γ(1 + a) + γ a ≥ 0, for 0 ≤ a ≤ 1, with relative accuracy at 0."""
    nodes, weights = (jnp.asarray(v, a.dtype).reshape((1,) * a.ndim + (-1,)) for v in (_BINET_NODES, _BINET_WEIGHTS))
    return jnp.sum(weights * _numerics.expm1_minus(-a[..., None] * nodes), -1)


def log_gamma_tails(a: Array, x: Array) -> tuple[Array, Array]:
    """log P(a, x) and log Q(a, x), the regularised incomplete gamma functions, for a > 0 and x ≥ 0.

    With E(y) = exp(y) − 1 − y and D = x^a exp(−x) / Γ(a + 1):
    below the median, P = D (1 + x ∫ exp(−(a + 1 − x) y − x E(−y)) dy) over y > 0;
    above it, Q = a D ∫ exp(−(x − a) y − x E(y)) dy;
    and where that integrand falls too slowly, x < ½, the power series of P without its leading 1.

    At x = 0 derivatives without a finite limit are 0. As x → 0 the second derivative of log Q in x has an error of
    eps P / x², felt when a is so near 1 that it should vanish, and is NaN where a / x² overflows. In float32 the mixed
    derivative of log Q loses 1 / a for a < 0.02.
    """
    ends = (x == 0) | jnp.isposinf(x)
    middle, few = jnp.where(ends, 1.0, x), a < 1
    lower = middle < jnp.where(
        few, jnp.exp(-math.log(2) / a - _EULER * (1 - a)), a * (1 - 1 / (9 * jnp.maximum(a, 1.0))) ** 3
    )
    short = ~lower & (middle < 0.5)
    t = jnp.where(short, 1.0, middle)
    slope = jnp.where(lower, (a - t) + 1, t - a)
    y, weights = _nodes(_gamma_width(stop_gradient(slope), stop_gradient(t), lower))
    bend = _numerics.expm1_minus(jnp.where(lower, -1.0, 1.0).astype(a.dtype)[..., None] * y)
    integral = jnp.sum(weights * jnp.exp(-slope[..., None] * y - t[..., None] * bend), -1)
    # log D; for a small a, without the terms of size 1 / a in the derivatives of log Γ(a) and log a
    z = jnp.where(few, a + 1, a)
    many = _numerics.relative_entropy_term(a, t) + jnp.log(a)
    log_d = -_numerics.log_gamma_gap(z) - jnp.where(few, z * jnp.log(z) - z - a * jnp.log(t) + t, many)
    small = log_d + jnp.log(jnp.where(lower, 1 + t * integral, integral))
    own = small + jnp.where(lower, 0.0, jnp.log(a))
    other = jnp.where(few & ~lower, jnp.log1p(-jnp.where(few, a, 0.0) * jnp.exp(small)), log1mexp(own))
    low, high = jnp.where(lower, own, other), jnp.where(lower, other, own)
    below, above = _log_gamma_tails_short(jnp.where(short, a, 0.5), jnp.where(short, middle, 0.25))
    low, high = jnp.where(short, below, low), jnp.where(short, above, high)
    low = jnp.where(ends, jnp.where(x == 0, -jnp.inf, 0.0), low)
    return low, jnp.where(ends, jnp.where((x == 0) & (a != 1), 0.0, -x), high)


def _gamma_width(slope: Array, x: Array, lower: Array) -> Array:
    """A little more than the y where the exponents of `log_gamma_tails` reach the depth."""
    depth = _depth(x)
    # E(−y) ≥ y² / (2 + y) and E(y) ≥ y² / 2 make quadratic equations; E(y) grows faster than that
    root = jnp.hypot(2 * slope - depth, jnp.sqrt(8 * depth * (slope + x)))
    below = 4 * depth / (2 * slope - depth + root)
    above = 2 * depth / (slope + jnp.hypot(slope, jnp.sqrt(2 * depth * x)))
    return jnp.where(lower, below, jnp.minimum(above, jnp.log1p(depth / x + above)))


def _log_gamma_tails_short(a: Array, x: Array) -> tuple[Array, Array]:
    """The same for x < ½ and a ≤ 1: P = exp(u) (1 − R) with small u and R, and Q = −expm1(u) + exp(u) R."""
    u = a * (jnp.log(x) + _EULER) - _log_gamma_after_1(a)
    # 0.5**14 / 14! is below 1e-15 of the first term
    n = jnp.arange(1, 14, dtype=a.dtype).reshape((1,) * a.ndim + (-1,))
    signed = jnp.asarray([(-1) ** (k + 1) / math.factorial(k) for k in range(1, 14)], a.dtype).reshape(n.shape)
    rest = a * jnp.sum(signed * x[..., None] ** n / (a[..., None] + n), -1)
    return u + jnp.log1p(-rest), jnp.log(jnp.exp(u) * rest - jnp.expm1(u))


@jax.custom_jvp
def _excess(a: Array, b: Array, x: Array, y: Array) -> Array:
    """a y − b x = a − (a + b) x, from the smaller of x and y, in twice the working precision.

    Near the mean it is a small difference, and an error of eps in x or y would be one of eps √(a + b) in the result.
    """
    first = x <= y
    p, q, m = jnp.where(first, a, b), jnp.where(first, b, a), jnp.minimum(x, y)
    (pm, pm_rest), (qm, qm_rest) = _product(p, m), _product(q, m)
    total = p - pm
    back = total - p
    total_rest = (p - (total - back)) - (pm + back)
    excess = (total - qm) + (total_rest - pm_rest - qm_rest)
    return jnp.where(first, excess, -excess)


@_excess.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (a, b, x, y), (da, db, dx, dy) = primals, tangents
    return _excess(a, b, x, y), y * da - x * db + a * dy - b * dx


def _product(a: Array, b: Array) -> tuple[Array, Array]:
    """The product and its rounding error (Dekker)."""
    split = 2.0 ** math.ceil((jnp.finfo(a.dtype).nmant + 1) / 2) + 1
    ca, cb = split * a, split * b
    a_high, b_high = ca - (ca - a), cb - (cb - b)
    a_low, b_low, product = a - a_high, b - b_high, a * b
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@jax.custom_jvp
def _binomial_divergence(a: Array, b: Array, x: Array, y: Array) -> Array:
    """a log(a / (n x)) + b log(b / (n y)) ≥ 0 with n = a + b."""
    excess, n = _excess(a, b, x, y), a + b
    first = _numerics.linear_minus_log(-excess / a, n * x / a)
    return a * first + b * _numerics.linear_minus_log(excess / b, n * y / b)


@_binomial_divergence.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (a, b, x, y), (da, db, dx, dy) = primals, tangents
    excess = _excess(a, b, x, y)
    slope_a, slope_b = _log_share(a, b, x, y, excess), _log_share(b, a, y, x, -excess)
    # only dx − dy counts, and is twice either
    return _binomial_divergence(a, b, x, y), slope_a * da + slope_b * db - 0.5 * excess / (x * y) * (dx - dy)


@jax.custom_jvp
def _log_share(a: Array, b: Array, x: Array, y: Array, excess: Array) -> Array:
    """log(a / (n x)) = log1p(excess / (n x)), n = a + b."""
    s = excess / ((a + b) * x)
    near = jnp.abs(s) < 0.5
    return jnp.where(near, jnp.log1p(jnp.where(near, s, 0.0)), jnp.log(a / ((a + b) * x)))


@_log_share.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (a, b, x, _, _), (da, db, dx, dy, _) = primals, tangents
    return _log_share(*primals), (b / a * da - db) / (a + b) - 0.5 * (dx - dy) / x


def log_beta_tails(a: Array, b: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """log I_x(a, b) and log I_y(b, a), the regularised incomplete beta functions, for a, b > 0 and y = 1 − x.

    In the log odds, I_x(a, b) = D (1 + n x ∫ exp(−(a + 1) s − (n + 1) log(y + x exp(−s))) ds) over s > 0, with
    n = a + b and D = x^a y^b Γ(n) / (Γ(a + 1) Γ(b)).

    Only the derivative along x + y = 1 has a meaning. At x = 0 and y = 0 derivatives are 0. A parameter b below 1 that
    makes a tail small, about b times a logarithm, leaves it an error of eps / b, and in second derivatives eps / b²:
    1e-9 at b = 0.001; in float32 beyond 1e-5 for b < 0.05.
    """
    ends = (x == 0) | (y == 0)
    x_in, y_in = jnp.where(ends, 0.5, x), jnp.where(ends, 0.5, y)
    # the side below the mean; but where the integral beyond it has a long flat stretch, the other
    first = a * y_in >= b * x_in
    far, edge = jnp.where(first, b, a), jnp.where(first, y_in * jnp.maximum(a, 1.0), x_in * jnp.maximum(b, 1.0))
    first ^= (far < 1) & (edge < 0.05)
    p, q = jnp.where(first, a, b), jnp.where(first, b, a)
    u, v = jnp.where(first, x_in, y_in), jnp.where(first, y_in, x_in)
    n = p + q
    slope = _excess(p, q, u, v) + v
    # the logistic function of s has poles at a distance of π
    s, weights = _nodes(_beta_width(*(stop_gradient(w) for w in (n, slope, u, v))), 48)
    exponent = slope[..., None] * s + (n + 1)[..., None] * _tilt(u[..., None], v[..., None], s)
    integral = jnp.sum(weights * jnp.exp(-exponent), -1)
    # one call for the three: it is compiled once
    gap_n, gap_p, gap_q = _numerics.log_gamma_gap(jnp.stack([n, p, q]))
    log_d = gap_n - gap_p - gap_q - _binomial_divergence(p, q, u, v) - jnp.log(p)
    low, high = _in_order(first, log_d + jnp.log1p(n * u * integral))
    low = jnp.where(ends, jnp.where(x == 0, -jnp.inf, 0.0), low)
    return low, jnp.where(ends, jnp.where(y == 0, -jnp.inf, 0.0), high)


def _tilt(x: Array, y: Array, s: Array) -> Array:
    """log(y + x exp(−s)) + x s ≥ 0, about x y s² / 2."""
    # in the smaller of x and y, as if x were it: log(x + y exp(s)) − y s is the same
    first = x <= y
    m, t = jnp.where(first, x, y), jnp.where(first, -s, s)
    rise = m * jnp.expm1(t)
    near = s < 1
    t_near, rise_near = jnp.where(near, t, 0.0), jnp.where(near, rise, 0.0)
    close = m * _numerics.expm1_minus(t_near) - _numerics.linear_minus_log(rise_near, 1 + rise_near)
    return jnp.where(near, close, jnp.log1p(rise) - m * t)


def _beta_width(n: Array, slope: Array, x: Array, y: Array) -> Array:
    """A little more than the s where slope s + (n + 1) `_tilt` reaches the depth, by Newton's method from the right."""
    depth, first = _depth(x), x <= y
    m, sign = jnp.minimum(x, y), jnp.where(first, -1.0, 1.0).astype(x.dtype)

    def step(_: int, s: Array) -> Array:
        rise = m * jnp.expm1(sign * s)
        value = slope * s + (n + 1) * (jnp.log1p(rise) - m * sign * s)
        # both signs give the slope of `_tilt`, x y (1 − exp(−s)) / (y + x exp(−s))
        rate = slope + (n + 1) * (1 - m) * sign * rise / (1 + rise)
        return s - (value - depth) / rate

    start = 2 * depth / (slope + jnp.sqrt(slope * slope + 2 * depth * (n + 1) * x * y))
    return jax.lax.fori_loop(0, 3, step, jnp.minimum(start, 2 * depth))


def _bessel(order: float, k: Array) -> tuple[Array, Array, Array]:
    """log ∫ sin(θ)^(2 order) exp(k (cos θ − 1)) dθ over (0, π); 1 − cos θ at its nodes, and their weights in it.

    The value is for use in functions with derivative rules: autodiff would differentiate a part of it only.
    """
    if order < 0 or 2 * order != round(2 * order):
        raise ValueError(f"order of a Bessel function: got {order!r}; it must be one of 0, 1/2, 1, 3/2, ...")
    # about the mode, where 2 order cos θ = k sin² θ, with the curvature there
    depth, k = _depth(k), stop_gradient(k)
    total = order + jnp.hypot(jnp.full_like(k, order), k)
    curvature = total + k * (k / total) if order else k
    # well beyond the mode the power no longer helps k to make the integrand fall
    falling = total + (curvature - total) / (1 + math.sqrt(0.5 * depth / order)) if order else k
    left, right = (2 * jnp.arcsin(jnp.sqrt(0.5 / jnp.maximum(c / depth, 0.5))) for c in (curvature, falling))
    sine = jnp.sqrt(2 * order / total) if order else jnp.zeros_like(k)
    mode = jnp.arctan2(sine, k / total) if order else sine
    start = jnp.maximum(mode - left, 0.0)
    offset, weights = _nodes(jnp.minimum(mode + right, math.pi) - start, 48 if order > 2 else 32)
    angle, offset = start[..., None] + offset, (start - mode)[..., None] + offset
    # cos θ less its value at the mode
    exponent = -2 * k[..., None] * jnp.sin(0.5 * offset) * jnp.sin(mode[..., None] + 0.5 * offset)
    level = -2 * k * jnp.sin(0.5 * mode) ** 2
    if order:
        exponent = exponent + 2 * order * jnp.log(jnp.sin(angle) / sine[..., None])
        level = level + order * jnp.log(2 * order / total)
    weights = weights * jnp.exp(exponent)
    integral = jnp.sum(weights, -1)
    return level + jnp.log(integral), 2 * jnp.sin(0.5 * angle) ** 2, weights / integral[..., None]


def log_bessel_i(order: float, k: Array) -> Array:
    """log(I(k) exp(−k)) of the given order, a multiple of ½, for k ≥ 0.

    At large k its derivatives are 2 order + 1 times smaller than their terms.
    """
    scale = math.lgamma(order + 0.5) + 0.5 * math.log(math.pi)
    return _log_bessel_integral(order, k) + (order * jnp.log(0.5 * k) if order else 0.0) - scale


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _log_bessel_integral(order: float, k: Array) -> Array:
    """log of I(k) exp(−k) / k^order, but for a constant."""
    return _bessel(order, k)[0]


@_log_bessel_integral.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    return _log_bessel_integral(order, *primals), -bessel_ratio_complement(order, *primals) * tangents[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def bessel_ratio(order: float, k: Array) -> Array:
    """I(k) of order + 1 over I(k) of the order, in [0, 1): the derivative of log(I(k) / k^order)."""
    # the mean of cos θ; as the mean of k sin² θ / (2 order + 1) it is a sum of positive terms
    _, drop, weights = _bessel(order, k)
    return k / (2 * order + 1) * jnp.sum(weights * drop * (2 - drop), -1)


@bessel_ratio.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    return bessel_ratio(order, *primals), bessel_ratio_slope(order, *primals) * tangents[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def bessel_ratio_complement(order: float, k: Array) -> Array:
    """1 − `bessel_ratio`, about (order + ½) / k for a large k: the mean of 1 − cos θ."""
    _, drop, weights = _bessel(order, k)
    return jnp.sum(weights * drop, -1)


@bessel_ratio_complement.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    return bessel_ratio_complement(order, *primals), -bessel_ratio_slope(order, *primals) * tangents[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def bessel_ratio_slope(order: float, k: Array) -> Array:
    """The derivative of `bessel_ratio` in k: the variance of cos θ."""
    return _central_moment(order, k, 2)


@bessel_ratio_slope.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    return bessel_ratio_slope(order, *primals), _central_moment(order, primals[0], 3) * tangents[0]


def _central_moment(order: float, k: Array, degree: int) -> Array:
    """A central moment of cos θ."""
    _, drop, weights = _bessel(order, k)
    mean = jnp.sum(weights * drop, -1)
    return jnp.sum(weights * (mean[..., None] - drop) ** degree, -1)


def _bessel_slopes(order: float, k: Array, delta: Array, weights: list[float]) -> tuple[Array, Array]:
    """Whether delta is small beside k and the zeros of I, and the sum of weights times slopes at k + t delta."""
    # the poles of the ratio are imaginary, the first beyond ±(order + 2) i
    near = jnp.abs(delta) < 0.4 * (order + 2 + jnp.minimum(k, k + delta))
    steps = jnp.asarray(_numerics._NODES, k.dtype).reshape((1,) * k.ndim + (-1,))
    slopes = bessel_ratio_slope(order, k[..., None] + jnp.where(near, delta, 0.0)[..., None] * steps)
    return near, slopes @ jnp.asarray(weights, k.dtype)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def log_bessel_bregman(order: float, k: Array, delta: Array) -> Array:
    """F(k + delta) − F(k) − delta F′(k) ≥ 0 for F(k) = log(I(k) / k^order), without cancellation; k, k + delta ≥ 0."""
    near, mean = _bessel_slopes(
        order, k, delta, [w * (1 - t) for t, w in zip(_numerics._NODES, _numerics._WEIGHTS, strict=True)]
    )
    rise = _log_bessel_integral(order, k + delta) - _log_bessel_integral(order, k)
    return jnp.where(near, delta * delta * mean, rise + delta * bessel_ratio_complement(order, k))


@log_bessel_bregman.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    (k, delta), (dk, ddelta) = primals, tangents
    slope = bessel_ratio_rise(order, k, delta)
    return (
        log_bessel_bregman(order, k, delta),
        (slope - delta * bessel_ratio_slope(order, k)) * dk + slope * ddelta,
    )


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def bessel_ratio_rise(order: float, k: Array, delta: Array) -> Array:
    """`bessel_ratio`(k + delta) − `bessel_ratio`(k), without cancellation."""
    near, mean = _bessel_slopes(order, k, delta, _numerics._WEIGHTS)
    far = bessel_ratio_complement(order, k) - bessel_ratio_complement(order, k + delta)
    return jnp.where(near, delta * mean, far)


@bessel_ratio_rise.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    (k, delta), (dk, ddelta) = primals, tangents
    end = bessel_ratio_slope(order, k + delta)
    return bessel_ratio_rise(order, k, delta), (end - bessel_ratio_slope(order, k)) * dk + end * ddelta


# Euler–Maclaurin: terms summed as they are, and B_2j / (2j)! of the corrections
_DIRECT = 12
_CORRECTIONS = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
                -3617 / 10670622842880000]  # fmt: skip


def log_hurwitz_zeta(s: Array, q: Array) -> Array:
    """log ζ(s, q) = log Σ (q + n)^−s over n = 0, 1, ..., for 1 < s ≤ 100 and q > 0.

    Terms are relative to q^−s with that q held fixed, so that in q they are differentiated as they stand, also the tail
    w^(1 − s) / (s − 1), which nearly does not depend on w when s is near 1.
    """
    fixed = stop_gradient(q)
    n = jnp.arange(_DIRECT + 1, dtype=q.dtype).reshape((1,) * q.ndim + (-1,))
    logs = jnp.log1p(((q - fixed)[..., None] + n) / fixed[..., None])
    powers = jnp.exp(-s[..., None] * logs)
    log_w, w = logs[..., -1], q + _DIRECT
    series, factor = jnp.full_like(w, 0.5), s / w
    for j, c in enumerate(_CORRECTIONS, 1):
        series = series + c * factor
        factor = factor * ((s + (2 * j - 1)) / w) * ((s + 2 * j) / w)
    tail = fixed * jnp.exp((1 - s) * log_w) / (s - 1)
    # beside the first term, which is 1: at q = 1 and a large s the logarithm is as small as the others
    others = jnp.sum(powers[..., 1:-1], -1) + tail + powers[..., -1] * series + jnp.expm1(-s * logs[..., 0])
    return jnp.log1p(others) - s * jnp.log(fixed)
