"""Sums over whole numbers with a fixed number of terms, however many numbers there are."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.lax import stop_gradient

from xentjax._numerics import expm1_minus
from xentjax._select import select

NUM_TERMS = 512
_FLAT = 7


def _ramp() -> tuple[np.ndarray, np.ndarray]:
    """A polynomial that leads from 0 to 1 over the terms, with _FLAT derivatives of 0 at both ends; and its slope."""
    s = np.arange(NUM_TERMS) / (NUM_TERMS - 1)
    degree = 2 * _FLAT + 1
    value = sum(math.comb(degree, i) * s**i * (1 - s) ** (degree - i) for i in range(_FLAT + 1, degree + 1))
    slope = math.factorial(degree) / math.factorial(_FLAT) ** 2 * (s * (1 - s)) ** _FLAT
    return np.asarray(value), slope / (NUM_TERMS - 1)


_RAMP, _SLOPE = _ramp()


def whole_numbers(first: Array, last: Array) -> tuple[Array, Array]:
    """Points [..., NUM_TERMS] and the logarithms of their weights, for sums over the whole numbers first, ..., last.

    Up to NUM_TERMS numbers these are the numbers themselves. More are thinned out between the ends, at both of which
    the points are whole numbers one apart. By the Euler–Maclaurin formula a sum is an integral and terms at its ends,
    and those agree: to rounding, for an analytic function that varies over no less than a few hundredths of the range.
    They are no functions of the ends to autodiff.
    """
    first, last = stop_gradient(first)[..., None], stop_gradient(last)[..., None]
    j, ramp, slope = (
        jnp.asarray(v, first.dtype).reshape((1,) * (first.ndim - 1) + (-1,))
        for v in (np.arange(NUM_TERMS), _RAMP, _SLOPE)
    )
    more = jnp.maximum(last - first - (NUM_TERMS - 1), 0.0)
    points = first + j + more * ramp
    return jnp.minimum(points, last), select(points > last, -jnp.inf, jnp.log1p(more * slope))


def log_sum(log_term: Callable[[Array], Array], first: Array, last: Array) -> Array:
    """log Σ exp(log_term(k)) over the whole numbers first, ..., last; −inf if there are none."""
    k, log_weights = whole_numbers(first, jnp.maximum(first, last))
    total = jax.nn.logsumexp(log_term(k) + log_weights, axis=-1)
    return select(last < first, -jnp.inf, total)


def cumulant_of_points(points: Array, log_probs: Array, mean: Array) -> Callable[[Array], Array]:
    """The cumulant function t → log E exp(t (x − mean)) of a distribution on points [n], for t of any shape."""
    deviations = points - mean

    def value(t: Array) -> Array:
        exponent = t[..., None] * deviations.reshape((1,) * t.ndim + (-1,))
        logs = log_probs.reshape((1,) * t.ndim + (-1,))
        present = logs > -jnp.inf
        near = jnp.max(select(present, jnp.abs(exponent), 0.0), -1) < 1
        small = select(present & near[..., None], exponent, 0.0)
        # the first-order terms, which sum to 0, are left out
        close = jnp.log1p(jnp.sum(jnp.exp(logs) * expm1_minus(small), -1))
        return select(near, close, jax.nn.logsumexp(logs + select(near[..., None], 0.0, exponent), axis=-1))

    return lambda t: value(jnp.asarray(t))
