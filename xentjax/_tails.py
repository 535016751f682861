"""Distribution functions: both tails in logs, with derivatives in every argument.

A tail is an integral of a positive function that is largest at, or near, one end. That end is taken out in closed form
and the rest, a smooth integrand of size 1, is summed over fixed Gauss–Legendre nodes on the stretch where it matters.
The stretch is no function of the arguments to autodiff: an integral does not depend on the scale of its nodes, so
derivatives of any order are moments under the same weights, as accurate as the value. The smaller tail is the one
integrated; the other is its complement.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient

from xentjax._gamma import log_gamma_after_1, log_gamma_gap
from xentjax._nodes import cut_depth, stretch_nodes
from xentjax._numerics import EULER_GAMMA, HALF_LOG_2PI, expm1_minus, linear_minus_log, log1mexp, relative_entropy_term
from xentjax._select import select

# What jax.scipy.special 0.10 does instead: gammainc has no second derivative in a, betainc none at all in a and b; in
# float32 the derivative of log_ndtr at −10000 is 2981.


@jax.jit
def log_normal_tails(z: Array) -> tuple[Array, Array]:
    """log Φ(z) and log Φ(−z).

    Φ(−|z|) = φ(z) ∫ exp(−|z| t − t² / 2) dt over t > 0.
    """
    size, depth = select(z < 0, -z, z), cut_depth(z)
    t, weights = stretch_nodes(
        stop_gradient(2 * depth / (size + jnp.hypot(size, jnp.full_like(z, math.sqrt(2 * depth)))))
    )
    mills = jnp.sum(weights * jnp.exp(-t * (size[..., None] + 0.5 * t)), -1)
    small = -0.5 * z * z - HALF_LOG_2PI + jnp.log(mills)
    return in_order(z < 0, small)


def in_order(lower: Array, small: Array) -> tuple[Array, Array]:
    """The logs of the lower and the upper tail, given the one integrated and whether it is the lower."""
    other = log1mexp(small)
    return select(lower, small, other), select(lower, other, small)


@jax.jit
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
    middle, few = select(ends, 1.0, x), a < 1
    lower = middle < select(
        few, jnp.exp(-math.log(2) / a - EULER_GAMMA * (1 - a)), a * (1 - 1 / (9 * jnp.maximum(a, 1.0))) ** 3
    )
    short = ~lower & (middle < 0.5)
    t = select(short, 1.0, middle)
    slope = select(lower, (a - t) + 1, t - a)
    y, weights = stretch_nodes(_gamma_width(stop_gradient(slope), stop_gradient(t), lower))
    bend = expm1_minus(select(lower, -1.0, 1.0).astype(a.dtype)[..., None] * y)
    integral = jnp.sum(weights * jnp.exp(-slope[..., None] * y - t[..., None] * bend), -1)
    # log D; for a small a, without the terms of size 1 / a in the derivatives of log Γ(a) and log a
    z = select(few, a + 1, a)
    many = relative_entropy_term(a, t) + jnp.log(a)
    log_d = -log_gamma_gap(z) - select(few, z * jnp.log(z) - z - a * jnp.log(t) + t, many)
    small = log_d + jnp.log(select(lower, 1 + t * integral, integral))
    own = small + select(lower, 0.0, jnp.log(a))
    other = select(few & ~lower, jnp.log1p(-select(few, a, 0.0) * jnp.exp(small)), log1mexp(own))
    low, high = select(lower, own, other), select(lower, other, own)
    below, above = _log_gamma_tails_short(select(short, a, 0.5), select(short, middle, 0.25))
    low, high = select(short, below, low), select(short, above, high)
    low = select(ends, select(x == 0, -jnp.inf, 0.0), low)
    return low, select(ends, select((x == 0) & (a != 1), 0.0, -x), high)


def _gamma_width(slope: Array, x: Array, lower: Array) -> Array:
    """A little more than the y where the exponents of `log_gamma_tails` reach the depth."""
    depth = cut_depth(x)
    # E(−y) ≥ y² / (2 + y) and E(y) ≥ y² / 2 make quadratic equations; E(y) grows faster than that
    root = jnp.hypot(2 * slope - depth, jnp.sqrt(8 * depth * (slope + x)))
    below = 4 * depth / (2 * slope - depth + root)
    above = 2 * depth / (slope + jnp.hypot(slope, jnp.sqrt(2 * depth * x)))
    return select(lower, below, jnp.minimum(above, jnp.log1p(depth / x + above)))


def _log_gamma_tails_short(a: Array, x: Array) -> tuple[Array, Array]:
    """The same for x < ½ and a ≤ 1: P = exp(u) (1 − R) with small u and R, and Q = −expm1(u) + exp(u) R."""
    u = a * (jnp.log(x) + EULER_GAMMA) - log_gamma_after_1(a)
    # 0.5**14 / 14! is below 1e-15 of the first term
    n = jnp.arange(1, 14, dtype=a.dtype).reshape((1,) * a.ndim + (-1,))
    signed = jnp.asarray([(-1) ** (k + 1) / math.factorial(k) for k in range(1, 14)], a.dtype).reshape(n.shape)
    rest = a * jnp.sum(signed * x[..., None] ** n / (a[..., None] + n), -1)
    return u + jnp.log1p(-rest), jnp.log(jnp.exp(u) * rest - jnp.expm1(u))


@jax.custom_jvp
@jax.jit
def _excess(a: Array, b: Array, x: Array, y: Array) -> Array:
    """a y − b x = a − (a + b) x, from the smaller of x and y, in twice the working precision.

    Near the mean it is a small difference, and an error of eps in x or y would be one of eps √(a + b) in the result.
    """
    first = x <= y
    p, q, m = select(first, a, b), select(first, b, a), jnp.minimum(x, y)
    (pm, pm_rest), (qm, qm_rest) = _product(p, m), _product(q, m)
    total = p - pm
    back = total - p
    total_rest = (p - (total - back)) - (pm + back)
    excess = (total - qm) + (total_rest - pm_rest - qm_rest)
    return select(first, excess, -excess)


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
@jax.jit
def _binomial_divergence(a: Array, b: Array, x: Array, y: Array) -> Array:
    """a log(a / (n x)) + b log(b / (n y)) ≥ 0 with n = a + b."""
    excess, n = _excess(a, b, x, y), a + b
    first = linear_minus_log(-excess / a, n * x / a)
    return a * first + b * linear_minus_log(excess / b, n * y / b)


@_binomial_divergence.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (a, b, x, y), (da, db, dx, dy) = primals, tangents
    excess = _excess(a, b, x, y)
    slope_a, slope_b = _log_share(a, b, x, y, excess), _log_share(b, a, y, x, -excess)
    # only dx − dy counts, and is twice either
    return _binomial_divergence(a, b, x, y), slope_a * da + slope_b * db - 0.5 * excess / (x * y) * (dx - dy)


@jax.custom_jvp
@jax.jit
def _log_share(a: Array, b: Array, x: Array, y: Array, excess: Array) -> Array:
    """log(a / (n x)) = log1p(excess / (n x)), n = a + b."""
    s = excess / ((a + b) * x)
    near = jnp.abs(s) < 0.5
    return select(near, jnp.log1p(select(near, s, 0.0)), jnp.log(a / ((a + b) * x)))


@_log_share.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (a, b, x, _, _), (da, db, dx, dy, _) = primals, tangents
    return _log_share(*primals), (b / a * da - db) / (a + b) - 0.5 * (dx - dy) / x


@jax.jit
def log_beta_tails(a: Array, b: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """log I_x(a, b) and log I_y(b, a), the regularised incomplete beta functions, for a, b > 0 and y = 1 − x.

    In the log odds, I_x(a, b) = D (1 + n x ∫ exp(−(a + 1) s − (n + 1) log(y + x exp(−s))) ds) over s > 0, with
    n = a + b and D = x^a y^b Γ(n) / (Γ(a + 1) Γ(b)).

    Only the derivative along x + y = 1 has a meaning. At x = 0 and y = 0 derivatives are 0. A parameter b below 1 that
    makes a tail small, about b times a logarithm, leaves it an error of eps / b, and in second derivatives eps / b²:
    1e-9 at b = 0.001; in float32 beyond 1e-5 for b < 0.05.
    """
    ends = (x == 0) | (y == 0)
    x_in, y_in = select(ends, 0.5, x), select(ends, 0.5, y)
    # the side below the mean; but where the integral beyond it has a long flat stretch, the other
    first = a * y_in >= b * x_in
    far, edge = select(first, b, a), select(first, y_in * jnp.maximum(a, 1.0), x_in * jnp.maximum(b, 1.0))
    first ^= (far < 1) & (edge < 0.05)
    p, q = select(first, a, b), select(first, b, a)
    u, v = select(first, x_in, y_in), select(first, y_in, x_in)
    n = p + q
    slope = _excess(p, q, u, v) + v
    # the logistic function of s has poles at a distance of π
    s, weights = stretch_nodes(_beta_width(*(stop_gradient(w) for w in (n, slope, u, v))), 48)
    exponent = slope[..., None] * s + (n + 1)[..., None] * _tilt(u[..., None], v[..., None], s)
    integral = jnp.sum(weights * jnp.exp(-exponent), -1)
    # one call for the three: it is compiled once
    gap_n, gap_p, gap_q = log_gamma_gap(jnp.stack([n, p, q]))
    log_d = gap_n - gap_p - gap_q - _binomial_divergence(p, q, u, v) - jnp.log(p)
    low, high = in_order(first, log_d + jnp.log1p(n * u * integral))
    low = select(ends, select(x == 0, -jnp.inf, 0.0), low)
    return low, select(ends, select(y == 0, -jnp.inf, 0.0), high)


def _tilt(x: Array, y: Array, s: Array) -> Array:
    """log(y + x exp(−s)) + x s ≥ 0, about x y s² / 2."""
    # in the smaller of x and y, as if x were it: log(x + y exp(s)) − y s is the same
    first = x <= y
    m, t = select(first, x, y), select(first, -s, s)
    rise = m * jnp.expm1(t)
    near = s < 1
    t_near, rise_near = select(near, t, 0.0), select(near, rise, 0.0)
    close = m * expm1_minus(t_near) - linear_minus_log(rise_near, 1 + rise_near)
    return select(near, close, jnp.log1p(rise) - m * t)


def _beta_width(n: Array, slope: Array, x: Array, y: Array) -> Array:
    """A little more than the s where slope s + (n + 1) `_tilt` reaches the depth, by Newton's method from the right."""
    depth, first = cut_depth(x), x <= y
    m, sign = jnp.minimum(x, y), select(first, -1.0, 1.0).astype(x.dtype)

    def step(_: int, s: Array) -> Array:
        rise = m * jnp.expm1(sign * s)
        value = slope * s + (n + 1) * (jnp.log1p(rise) - m * sign * s)
        # both signs give the slope of `_tilt`, x y (1 − exp(−s)) / (y + x exp(−s))
        rate = slope + (n + 1) * (1 - m) * sign * rise / (1 + rise)
        return s - (value - depth) / rate

    start = 2 * depth / (slope + jnp.sqrt(slope * slope + 2 * depth * (n + 1) * x * y))
    return jax.lax.fori_loop(0, 3, step, jnp.minimum(start, 2 * depth))
