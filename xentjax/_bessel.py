"""Modified Bessel functions of the first kind, in logs, and their ratios: of any order that is a multiple of ½."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.lax import stop_gradient

from xentjax._nodes import BREGMAN_WEIGHTS, NODES, WEIGHTS, cut_depth, stretch_nodes
from xentjax._select import select


def _bessel(order: float, k: Array) -> tuple[Array, Array, Array]:
    """log ∫ sin(θ)^(2 order) exp(k (cos θ − 1)) dθ over (0, π); 1 − cos θ at its nodes, and their weights in it.

    The value is for use in functions with derivative rules: autodiff would differentiate a part of it only.
    """
    if order < 0 or 2 * order != round(2 * order):
        raise ValueError(f"order of a Bessel function: got {order!r}; it must be one of 0, 1/2, 1, 3/2, ...")
    # about the mode, where 2 order cos θ = k sin² θ, with the curvature there
    depth, k = cut_depth(k), stop_gradient(k)
    total = order + jnp.hypot(jnp.full_like(k, order), k)
    curvature = total + k * (k / total) if order else k
    # well beyond the mode the power no longer helps k to make the integrand fall
    falling = total + (curvature - total) / (1 + math.sqrt(0.5 * depth / order)) if order else k
    left, right = (2 * jnp.arcsin(jnp.sqrt(0.5 / jnp.maximum(c / depth, 0.5))) for c in (curvature, falling))
    sine = jnp.sqrt(2 * order / total) if order else jnp.zeros_like(k)
    mode = jnp.arctan2(sine, k / total) if order else sine
    start = jnp.maximum(mode - left, 0.0)
    offset, weights = stretch_nodes(jnp.minimum(mode + right, math.pi) - start, 48 if order > 2 else 32)
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


@functools.partial(jax.jit, static_argnums=0)
def log_bessel_i(order: float, k: Array) -> Array:
    """log(I(k) exp(−k)) of the given order, a multiple of ½, for k ≥ 0.

    At large k its derivatives are 2 order + 1 times smaller than their terms.
    """
    scale = math.lgamma(order + 0.5) + 0.5 * math.log(math.pi)
    return _log_bessel_integral(order, k) + (order * jnp.log(0.5 * k) if order else 0.0) - scale


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
def _log_bessel_integral(order: float, k: Array) -> Array:
    """log of I(k) exp(−k) / k^order, but for a constant."""
    return _bessel(order, k)[0]


@_log_bessel_integral.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    return _log_bessel_integral(order, *primals), -bessel_ratio_complement(order, *primals) * tangents[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
def bessel_ratio(order: float, k: Array) -> Array:
    """I(k) of order + 1 over I(k) of the order, in [0, 1): the derivative of log(I(k) / k^order)."""
    # the mean of cos θ; as the mean of k sin² θ / (2 order + 1) it is a sum of positive terms
    _, drop, weights = _bessel(order, k)
    return k / (2 * order + 1) * jnp.sum(weights * drop * (2 - drop), -1)


@bessel_ratio.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    return bessel_ratio(order, *primals), bessel_ratio_slope(order, *primals) * tangents[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
def bessel_ratio_complement(order: float, k: Array) -> Array:
    """1 − `bessel_ratio`, about (order + ½) / k for a large k: the mean of 1 − cos θ."""
    _, drop, weights = _bessel(order, k)
    return jnp.sum(weights * drop, -1)


@bessel_ratio_complement.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    return bessel_ratio_complement(order, *primals), -bessel_ratio_slope(order, *primals) * tangents[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
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


def _bessel_slopes(order: float, k: Array, delta: Array, weights: np.ndarray) -> tuple[Array, Array]:
    """Whether delta is small beside k and the zeros of I, and the sum of weights times slopes at k + t delta."""
    # the poles of the ratio are imaginary, the first beyond ±(order + 2) i
    near = jnp.abs(delta) < 0.4 * (order + 2 + jnp.minimum(k, k + delta))
    steps = jnp.asarray(NODES, k.dtype).reshape((1,) * k.ndim + (-1,))
    slopes = bessel_ratio_slope(order, k[..., None] + select(near, delta, 0.0)[..., None] * steps)
    return near, slopes @ jnp.asarray(weights, k.dtype)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
def log_bessel_bregman(order: float, k: Array, delta: Array) -> Array:
    """F(k + delta) − F(k) − delta F′(k) ≥ 0 for F(k) = log(I(k) / k^order), without cancellation; k, k + delta ≥ 0."""
    near, mean = _bessel_slopes(order, k, delta, BREGMAN_WEIGHTS)
    rise = _log_bessel_integral(order, k + delta) - _log_bessel_integral(order, k)
    return select(near, delta * delta * mean, rise + delta * bessel_ratio_complement(order, k))


@log_bessel_bregman.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    (k, delta), (dk, ddelta) = primals, tangents
    slope = bessel_ratio_rise(order, k, delta)
    return (
        log_bessel_bregman(order, k, delta),
        (slope - delta * bessel_ratio_slope(order, k)) * dk + slope * ddelta,
    )


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
@functools.partial(jax.jit, static_argnums=0)
def bessel_ratio_rise(order: float, k: Array, delta: Array) -> Array:
    """`bessel_ratio`(k + delta) − `bessel_ratio`(k), without cancellation."""
    near, mean = _bessel_slopes(order, k, delta, WEIGHTS)
    far = bessel_ratio_complement(order, k) - bessel_ratio_complement(order, k + delta)
    return select(near, delta * mean, far)


@bessel_ratio_rise.defjvp
def _(order: float, primals: tuple, tangents: tuple) -> tuple:
    (k, delta), (dk, ddelta) = primals, tangents
    end = bessel_ratio_slope(order, k + delta)
    return bessel_ratio_rise(order, k, delta), (end - bessel_ratio_slope(order, k)) * dk + end * ddelta
