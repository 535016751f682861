"""Softmax without cancellation: what a vector of logits says about probabilities, however confident or however close.

Logits are [..., k]. Only their differences matter, and no absolute value enters: common offsets cost no digits. −inf is
a probability of 0; +inf, or −inf in every entry, has no meaning and gives NaN.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import polynomial


def below_max(logits: Array) -> Array:
    """max(logits) − logits ≥ 0 [..., k]."""
    return jnp.max(logits, -1, keepdims=True) - logits


# XLA's CPU compiler would fuse the passes over a row into one loop that takes five times as long, and compute what a
# row has once again for each entry: barriers around a row's few numbers keep both apart.
_once = jax.lax.optimization_barrier


@jax.custom_jvp
def log_sum_exp_excess(logits: Array) -> Array:
    """log Σ exp(logits) − max(logits) ≥ 0 [...]: −log of the largest probability, also where that is close to 1."""
    return _top_and_excess(logits)[1]


@jax.jit  # outside of it JAX would compile the branches again at each call
def _top_and_excess(logits: Array) -> tuple[Array, Array]:
    """max(logits) [..., 1] and `log_sum_exp_excess` [...]."""
    top = jnp.max(logits, -1, keepdims=True)
    total, top = _once((jnp.sum(jnp.exp(logits - top), -1), top))
    confident = total < 1.5

    def by_others() -> Array:  # where one entry dominates, the sum without it is what counts
        depth = top - logits
        others = jnp.sum(jnp.exp(-depth) * jnp.minimum(depth / jnp.finfo(depth.dtype).tiny, 1.0), -1)
        return jnp.where(confident, jnp.log1p(others), jnp.log(total))

    return top, _once(jax.lax.cond(jnp.any(confident), by_others, lambda: jnp.log(total)))


@log_sum_exp_excess.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (logits,), (dlogits,) = primals, tangents
    excess = log_sum_exp_excess(logits)
    largest = (below_max(logits) == 0).astype(logits.dtype)
    share = largest / jnp.sum(largest, -1, keepdims=True)
    return excess, jnp.sum(_above(logits, excess, jnp.ones_like(excess), share) * dlogits, -1)


def _above(logits: Array, excess: Array, total: Array, p: Array) -> Array:
    """total · softmax(logits) − p [..., k], accurate where one probability and its share of p are both close to 1."""
    depth, fall = below_max(logits), _once(jnp.expm1(-excess))[..., None]
    excess, total = excess[..., None], total[..., None]
    plain = total * jnp.exp(-depth - excess) - p
    return jnp.where((depth == 0) & (excess < 0.4), total * fall + (total - p), plain)


@jax.custom_jvp
def softmax_cross_entropy(p: Array, logits: Array) -> Array:
    """−Σ p log softmax(logits) [...] for probabilities p [..., k]: a sum of non-negative terms."""
    top, excess = _top_and_excess(logits)
    minus_log = (top - logits) + excess[..., None]
    return jnp.sum(p * jnp.where(p == 0, 0.0, minus_log), -1)


@softmax_cross_entropy.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p, logits), (dp, dlogits) = primals, tangents
    excess, total = log_sum_exp_excess(logits), _once(jnp.sum(p, -1))
    # only where 0 log 0 is to be left out it is 0: at p = 0 < q the derivative in p is −log q
    reached = jnp.where((p == 0) & (logits == -jnp.inf), 0.0, below_max(logits))
    slopes = (reached + excess[..., None]) * dp + _above(logits, excess, total, p) * dlogits
    return softmax_cross_entropy(p, logits), jnp.sum(slopes, -1)


@jax.custom_jvp
def label_cross_entropy(logits: Array, label: Array) -> Array:
    """−log softmax(logits)[label] of logits [k]: `softmax_cross_entropy` without the vector of probabilities."""
    depth, excess = _label_parts(logits, label)
    return depth + excess


@label_cross_entropy.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    logits, label = primals
    depth, excess = _label_parts(logits, label)
    top, excess, fall = _once((jnp.max(logits), excess, jnp.expm1(-depth - excess)))
    at_label = jnp.arange(logits.shape[-1]) == label
    slope = jnp.where(at_label, fall, jnp.exp((logits - top) - excess))
    return label_cross_entropy(logits, label), jnp.sum(slope * tangents[0], -1)


# A row is summed in blocks, so that an entry can be left out of the sum by summing one block again without it.
BLOCK = 128


def _blocks(row: Array, filling: float = -jnp.inf) -> Array:
    """A row [k] as blocks [m, width], the last filled up."""
    width = min(BLOCK, row.shape[-1])
    missing = -row.shape[-1] % width
    return (jnp.pad(row, (0, missing), constant_values=filling) if missing else row).reshape(-1, width)


def _sum_of_others(row: Array, top: Array, index: Array) -> Array:
    """Σ exp(row − top) over the entries of a row [k] but one."""
    blocks = _blocks(row)
    number, width = blocks.shape
    # the order in which XLA's CPU compiler finds vector instructions
    terms = jnp.exp(blocks - top) if blocks.size == row.size else _blocks(jnp.exp(row - top), 0.0)
    sums = _once(jnp.sum(terms, -1))
    own, within = index // width, index % width
    beside = jnp.sum(jnp.where(jnp.arange(width) == within, 0.0, jnp.exp(blocks[own] - top)))
    return jnp.sum(jnp.where(jnp.arange(number) == own, beside, sums))


def _label_parts(logits: Array, label: Array) -> tuple[Array, Array]:
    """How far the label's logit is below the largest, and `log_sum_exp_excess` by the sum over the other labels."""
    top = _once(jnp.max(logits))
    depth = top - logits[label]
    return depth, jnp.log1p(_sum_of_others(logits, top, label) + jnp.expm1(-depth))


def softmax_entropy(logits: Array) -> Array:
    """−Σ p log p [...] with p = softmax(logits)."""
    depth, excess = below_max(logits), log_sum_exp_excess(logits)
    reached = depth < jnp.inf
    depth = jnp.where(reached, depth, 0.0)
    return excess + jnp.sum(jnp.where(reached, depth * jnp.exp(-depth - excess[..., None]), 0.0), -1)


@jax.custom_jvp
@jax.jit
def softmax_divergence(p_logits: Array, q_logits: Array) -> Array:
    """KL(softmax(p_logits)‖softmax(q_logits)) ≥ 0 [...], without cancellation; 0 only for equal distributions.

    With w ∝ p and e = log(q / p) up to a constant that makes its p-mean 0, Σ q = 1 gives
    KL = log E_p[exp(e)] = log(1 + E_p[exp(e) − 1 − e]), a sum of non-negative terms.
    """
    tilt = _tilt(p_logits, q_logits)
    reached = jnp.exp(q_logits - tilt.q_top - tilt.mean)  # w exp(e), also where w is 0
    near = jnp.abs(tilt.e) <= 1
    terms = tilt.w * _expm1_minus(jnp.clip(tilt.e, -1.0, 1.0))
    terms = jnp.where(near & (tilt.w > 0), terms, reached - tilt.w * (1 + tilt.e))
    total = jnp.sum(terms, -1) / tilt.total[..., 0]
    far = ~(total < 1e30)

    def apart() -> Array:  # where nothing cancels
        norm = jnp.sum(jnp.exp(q_logits - tilt.q_top), -1)
        return jnp.log(norm) - jnp.log(tilt.total[..., 0]) - tilt.mean[..., 0]

    divergence = jnp.log1p(jnp.maximum(total, 0.0))
    return jnp.where(far, jax.lax.cond(jnp.any(far), apart, lambda: divergence), divergence)


@softmax_divergence.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p_logits, q_logits), (dp, dq) = primals, tangents
    divergence, tilt = softmax_divergence(p_logits, q_logits), _tilt(p_logits, q_logits)
    excess = _once(log_sum_exp_excess(q_logits))[..., None]
    p, q = tilt.w / tilt.total, jnp.exp(q_logits - tilt.q_top - excess)
    rise = tilt.e - divergence[..., None]  # log(q / p)
    near = (jnp.abs(rise) <= 1) & (p > 0)
    rise = jnp.clip(rise, -1.0, 1.0)
    in_q = jnp.where(near, p * (rise + _expm1_minus(rise)), q - p)
    return divergence, jnp.sum(in_q * dq - p * tilt.e * dp, -1)


class _Tilt(NamedTuple):
    """What leads from p to q: w = p · total, the p-mean of the differences of the logits, and e, the rest of them."""

    w: Array
    total: Array
    mean: Array
    e: Array
    q_top: Array


def _tilt(p_logits: Array, q_logits: Array) -> _Tilt:
    p_top, q_top = _once((jnp.max(p_logits, -1, keepdims=True), jnp.max(q_logits, -1, keepdims=True)))

    def weights_and_differences(p_logits: Array, q_logits: Array) -> tuple[Array, Array]:
        w = jnp.exp(p_logits - p_top)
        # of the logits first, which may be close; a common offset of theirs must not round what follows
        return w, jnp.where(w > 0, (q_logits - p_logits) - (q_top - p_top), 0.0)

    w, d = weights_and_differences(p_logits, q_logits)
    total, first = _once((jnp.sum(w, -1, keepdims=True), jnp.sum(w * d, -1, keepdims=True)))
    mean = first / total
    return _Tilt(w, total, mean, jnp.where(w > 0, d - mean, 0.0), q_top)


def _expm1_minus(x: Array) -> Array:
    """exp(x) − 1 − x for |x| ≤ 1, by its series: a quarter of the time of `expm1_minus`."""
    last = 12 if jnp.finfo(x.dtype).eps > 1e-10 else 20
    return x * x * polynomial([1 / math.factorial(k) for k in range(2, last)], x)
