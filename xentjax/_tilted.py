"""The numbers x in [0, 1] with a density proportional to exp(t x): log of its integral, and the first two cumulants.

Near t = 0 by nodes, which are exact to rounding for |t| < 2; elsewhere by exp(−|t|).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._nodes import BREGMAN_WEIGHTS, NODES, WEIGHTS, unit_nodes
from xentjax._select import select


def _tilted(t: Array) -> tuple[Array, Array, Array, Array]:
    """Whether t is near 0, t itself where it is, the nodes, and their weights times exp(t x)."""
    near = jnp.abs(t) < 2
    nodes, weights = unit_nodes(t, 12)
    safe = select(near, t, 0.0)
    return near, select(near, 2.0, t), nodes, weights.reshape(nodes.shape) * jnp.exp(safe[..., None] * nodes)


@jax.custom_jvp
@jax.jit
def log_mean_exp(t: Array) -> Array:
    """log((exp(t) − 1) / t), the logarithm of the mean of exp(t x) over x in [0, 1]. Derivative: `tilted_mean`."""
    near, far, _, terms = _tilted(t)
    size = jnp.abs(far)
    plain = jnp.maximum(far, 0.0) + jnp.log(-jnp.expm1(-size)) - jnp.log(size)
    return select(near, jnp.log(jnp.sum(terms, -1)), plain)


@log_mean_exp.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return log_mean_exp(*primals), tilted_mean(*primals) * tangents[0]


@jax.custom_jvp
@jax.jit
def tilted_mean(t: Array) -> Array:
    """The mean of x in [0, 1] with a density proportional to exp(t x). Derivative: `tilted_variance`."""
    near, far, nodes, terms = _tilted(t)
    size = jnp.abs(far)
    # of the distance from the end where the density is largest
    distance = 1 / size + jnp.exp(-size) / jnp.expm1(-size)
    mean = jnp.sum(nodes * terms, -1) / jnp.sum(terms, -1)
    return select(near, mean, select(far < 0, distance, 1 - distance))


@tilted_mean.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    return tilted_mean(*primals), tilted_variance(*primals) * tangents[0]


def tilted_variance(t: Array) -> Array:
    """The variance of x in [0, 1] with a density proportional to exp(t x)."""
    near, far, nodes, terms = _tilted(t)
    total = jnp.sum(terms, -1)
    mean = jnp.sum(nodes * terms, -1) / total
    variance = jnp.sum((nodes - mean[..., None]) ** 2 * terms, -1) / total
    size = select(far < 0, -far, far)
    drop = jnp.exp(-0.5 * size) / jnp.expm1(-size)
    return select(near, variance, 1 / (size * size) - drop * drop)


def _tilted_variances(t: Array, delta: Array, weights: np.ndarray) -> tuple[Array, Array]:
    """Whether delta is small beside t and the poles, and a weighted sum of variances between t and t + delta."""
    # the poles are imaginary, the first at ±2π i
    ends = select(t * (t + delta) > 0, jnp.minimum(jnp.abs(t), jnp.abs(t + delta)), 0.0)
    near = jnp.abs(delta) < 0.4 * (5 + ends)
    steps = jnp.asarray(NODES, t.dtype).reshape((1,) * t.ndim + (-1,))
    values = tilted_variance(t[..., None] + select(near, delta, 0.0)[..., None] * steps)
    return near, values @ jnp.asarray(weights, t.dtype)


@jax.custom_jvp
@jax.jit
def log_mean_exp_bregman(t: Array, delta: Array) -> Array:
    """M(t + delta) − M(t) − delta M′(t) ≥ 0 for M = `log_mean_exp`, without cancellation."""
    near, mean = _tilted_variances(t, delta, BREGMAN_WEIGHTS)
    # M(t) − M(−t) is linear: from the side where M is small
    t, delta = select(t > 0, -t, t), select(t > 0, -delta, delta)
    far = log_mean_exp(t + delta) - log_mean_exp(t) - delta * tilted_mean(t)
    return select(near, delta * delta * mean, far)


@log_mean_exp_bregman.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (t, delta), (dt, ddelta) = primals, tangents
    slope = tilted_mean_rise(t, delta)
    return log_mean_exp_bregman(t, delta), (slope - delta * tilted_variance(t)) * dt + slope * ddelta


@jax.custom_jvp
@jax.jit
def tilted_mean_rise(t: Array, delta: Array) -> Array:
    """`tilted_mean`(t + delta) − `tilted_mean`(t), without cancellation."""
    near, mean = _tilted_variances(t, delta, WEIGHTS)
    low = t < 0
    far = tilted_mean(select(low, t + delta, -t)) - tilted_mean(select(low, t, -t - delta))
    return select(near, delta * mean, far)


@tilted_mean_rise.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (t, delta), (dt, ddelta) = primals, tangents
    end = tilted_variance(t + delta)
    return tilted_mean_rise(t, delta), (end - tilted_variance(t)) * dt + end * ddelta
