"""Softmax without cancellation: what a vector of logits says about probabilities, however confident or however close.

Logits are [..., k]. Only their differences matter, and no absolute value enters: common offsets cost no digits. −inf is
a probability of 0; +inf, or −inf in every entry, has no meaning and gives NaN.
"""

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import expm1_minus


def below_max(logits: Array) -> Array:
    """max(logits) − logits ≥ 0 [..., k]."""
    return jnp.max(logits, -1, keepdims=True) - logits


# XLA's CPU compiler would fuse the passes over a row into one loop that takes five times as long, and compute what a
# row has once again for each entry: barriers around a row's few numbers keep both apart.
_once = jax.lax.optimization_barrier


@jax.custom_jvp
def log_sum_exp_excess(logits: Array) -> Array:
    """log Σ exp(logits) − max(logits) ≥ 0 [...]: −log of the largest probability, also where that is close to 1."""
    top = jnp.max(logits, -1, keepdims=True)
    total, top = _once((jnp.sum(jnp.exp(logits - top), -1), top))
    # where one entry dominates, the sum without it is what counts
    depth = top - logits
    others = jnp.sum(jnp.exp(-depth) * jnp.minimum(depth / jnp.finfo(depth.dtype).tiny, 1.0), -1)
    return _once(jnp.where(total < 1.5, jnp.log1p(others), jnp.log(total)))


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
    minus_log = below_max(logits) + log_sum_exp_excess(logits)[..., None]
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


def _label_parts(logits: Array, label: Array) -> tuple[Array, Array]:
    """How far the label's logit is below the largest, and `log_sum_exp_excess` by the sum over the other labels."""
    top = jnp.max(logits)
    depth = top - logits[label]
    # 0 at the label and 1 elsewhere; a comparison in this place would keep the sum from vector instructions
    elsewhere = jnp.minimum(jnp.abs(jnp.arange(logits.shape[-1]) - label), 1).astype(logits.dtype)
    others = jnp.sum(jnp.exp(logits - top) * elsewhere)
    return depth, jnp.log1p(others + jnp.expm1(-depth))


def softmax_entropy(logits: Array) -> Array:
    """−Σ p log p [...] with p = softmax(logits)."""
    depth, excess = below_max(logits), log_sum_exp_excess(logits)
    reached = depth < jnp.inf
    depth = jnp.where(reached, depth, 0.0)
    return excess + jnp.sum(jnp.where(reached, depth * jnp.exp(-depth - excess[..., None]), 0.0), -1)


@jax.custom_jvp
def softmax_divergence(p_logits: Array, q_logits: Array) -> Array:
    """KL(softmax(p_logits)‖softmax(q_logits)) ≥ 0 [...], without cancellation; 0 only for equal distributions."""
    p, _, residue, total, _ = _tilts(p_logits, q_logits)
    log_p, log_q = jax.nn.log_softmax(p_logits), jax.nn.log_softmax(q_logits)
    far = jnp.sum(jnp.where(p > 0, p * jnp.where(p > 0, log_p - log_q, 0.0), 0.0), -1)
    excluded = jnp.any((p > 0) & (q_logits == -jnp.inf), -1)
    near = jnp.maximum(jnp.log1p(total) - residue, 0.0)
    return jnp.where(excluded, jnp.inf, jnp.where(total < 1e30, near, far))


@softmax_divergence.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p_logits, q_logits), (dp, dq) = primals, tangents
    p, e, residue, total, outside = _tilts(p_logits, q_logits)
    divergence, near = softmax_divergence(p_logits, q_logits), (total < 1e30)[..., None]
    # log(p / q) − KL = −e, and q / p = exp(e) / (1 + total)
    rise = jnp.where(near, e - jnp.log1p(total)[..., None], 0.0)
    reached = jnp.where(p > 0, p * jnp.expm1(jnp.minimum(rise, 80.0)), outside / (1 + total)[..., None])
    # far apart nothing cancels
    log_ratio = jnp.where(p > 0, jax.nn.log_softmax(p_logits) - jax.nn.log_softmax(q_logits), 0.0)
    in_p = p * jnp.where(near, residue[..., None] - e, log_ratio - divergence[..., None])
    in_q = jnp.where(near, reached, jax.nn.softmax(q_logits) - p)
    return divergence, jnp.sum(in_p * dp + in_q * dq, -1)


def _tilts(p_logits: Array, q_logits: Array) -> tuple[Array, Array, Array, Array, Array]:
    """p [..., k]; e = log(q / p) up to a constant that makes its p-mean 0, and what rounding leaves of that mean.

    Then Σ q = 1 gives KL = log(1 + total) − residue with total = E_p[exp(e) − 1 − e] + residue + the mass of q where p
    is 0, which is `outside` in the same units.
    """
    p = jax.nn.softmax(p_logits)
    present = (p > 0) & (q_logits > -jnp.inf)
    difference = jnp.where(present, q_logits, 0.0) - jnp.where(present, p_logits, 0.0)
    # about some entry first: a common offset of the logits must not round the differences
    difference = jnp.where(present, difference - _at_max(p, difference), 0.0)
    mean = jnp.sum(p * difference, -1, keepdims=True)
    e = jnp.where(present, difference - mean, 0.0)
    residue = jnp.sum(p * e, -1)
    log_p = jax.nn.log_softmax(p_logits)
    # p exp(e) may be moderate where exp(e) is out of range
    large = jnp.where(present & (e > 1), jnp.exp(jnp.where(e > 1, log_p + e, 0.0)) - p * (1 + e), 0.0)
    terms = jnp.where(e > 1, large, p * expm1_minus(jnp.minimum(e, 1.0)))
    reference = _at_max(p, q_logits) + mean
    log_norm = log_sum_exp_excess(p_logits)[..., None]
    outside = jnp.where((p == 0) & (q_logits > -jnp.inf), jnp.exp(q_logits - reference - log_norm), 0.0)
    return p, e, residue, jnp.sum(terms + outside, -1) + residue, outside


def _at_max(p: Array, values: Array) -> Array:
    """The value [..., 1] at the largest p."""
    return jnp.take_along_axis(values, jnp.argmax(p, -1, keepdims=True), -1)
