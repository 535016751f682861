"""Softmax without cancellation: what a vector of logits says about probabilities, however confident or however close.

Logits are [..., k]. Only their differences matter, and no absolute value enters: common offsets cost no digits. −inf is
a probability of 0; +inf, or −inf in every entry, has no meaning and gives NaN.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._numerics import polynomial
from xentjax._select import select

# XLA's CPU compiler would fuse the passes over a row into one loop that takes five times as long, and compute what a
# row has once again for each entry: barriers around a row's few numbers keep both apart.
_once = jax.lax.optimization_barrier


def _blocks(row: Array) -> Array:
    """A row [k] as [k / width, width], width the smallest divisor of k from max(128, k / 50) on.

    An entry is left out of a row's sum by summing its block again without it: no difference that cancels. That costs
    little of blocks that are a fiftieth of the row; of more and shorter ones the sums take longer than their numbers.
    """
    size = row.shape[-1]
    least = min(max(128, size // 50), size)
    return row.reshape(-1, next(width for width in range(least, size + 1) if size % width == 0))


def _with_own(terms: Array, own: Array, beside: Array) -> Array:
    """Σ of terms in blocks, of which one block's sum is known to be `beside`."""
    if len(terms) == 1:
        return beside
    sums = _once(jnp.sum(terms, -1))
    return jnp.sum(select(jnp.arange(len(sums)) == own, beside, sums))


@jax.custom_jvp
@jax.jit
@partial(jnp.vectorize, signature="(k)->(1),()")
def top_and_excess(row: Array) -> tuple[Array, Array]:
    """max(logits) [..., 1], and log Σ exp(logits) less it [...]: −log of the largest probability, close to 1 or not."""
    blocks = _blocks(row)
    tops = _once(jnp.max(blocks, -1))
    own = jnp.argmax(tops) if len(tops) > 1 else jnp.array(0)
    top = tops[own]
    return top[None], jnp.log1p(_with_own(jnp.exp(blocks - top), own, _beside(blocks[own], top)))


def _beside(block: Array, top: Array) -> Array:
    """Σ exp(logits − top) of all logits but one that is equal to top.

    A logit equal to top is told by products, which XLA's CPU compiler fuses into sums, as it does not a comparison. The
    two sums have no constant and no array in common, which would be written to memory: one counts in halves.
    """
    steep = 1 / float(jnp.finfo(block.dtype).tiny)
    depth = top - block
    below = jnp.sum(jnp.minimum(depth * steep, 1.0) * jnp.exp(-depth))
    block, top, below = _once((block, top, below))
    halves = jnp.sum(jnp.maximum(0.5 - (top - block) * (0.5 * steep), 0.0))
    return below + (2 * halves - 1)


@top_and_excess.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (logits,), (dlogits,) = primals, tangents
    top, excess = top_and_excess(logits)
    largest = (logits == top).astype(logits.dtype)
    share = largest / jnp.sum(largest, -1, keepdims=True)
    dexcess = jnp.sum(_above(logits, top, excess, jnp.ones_like(excess), share) * dlogits, -1)
    return (top, excess), (jnp.sum(share * dlogits, -1, keepdims=True), dexcess)


def _above(logits: Array, top: Array, excess: Array, total: Array, p: Array) -> Array:
    """total · softmax(logits) − p [..., k], accurate where one probability and its share of p are both close to 1."""
    fall, excess, total = _once(jnp.expm1(-excess))[..., None], excess[..., None], total[..., None]
    plain = total * jnp.exp((logits - top) - excess) - p
    return select((logits == top) & (excess < 0.4), total * fall + (total - p), plain)


@jax.custom_jvp
def softmax_cross_entropy(p: Array, logits: Array) -> Array:
    """−Σ p log softmax(logits) [...] for probabilities p [..., k]: a sum of non-negative terms."""
    top, excess = top_and_excess(logits)
    total = jnp.sum(p * jnp.minimum(excess[..., None] - (logits - top), _infinite_unless_zero(p)), -1)
    return select(excess >= 0, total, jnp.nan)  # a fused minimum passes NaN over


@softmax_cross_entropy.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p, logits), (dp, dlogits) = primals, tangents
    (top, excess), total = top_and_excess(logits), _once(jnp.sum(p, -1))
    # only where 0 log 0 is to be left out it is 0: at p = 0 < q the derivative in p is −log q
    reached = select((p == 0) & (logits == -jnp.inf), 0.0, top - logits)
    slopes = (reached + excess[..., None]) * dp + _above(logits, top, excess, total, p) * dlogits
    return softmax_cross_entropy(p, logits), jnp.sum(slopes, -1)


def _infinite_unless_zero(p: Array) -> Array:
    """∞ where p is not 0, else 0, by products that are fused into sums. The absolute value keeps the factors apart: the
    compiler would multiply them first, and 0 · ∞ is NaN."""
    large = float(jnp.finfo(p.dtype).max)
    return jnp.abs(p * large) * large


@jax.custom_jvp
def label_cross_entropy(logits: Array, label: Array) -> Array:
    """−log softmax(logits)[label] of logits [k]: `softmax_cross_entropy` without the vector of probabilities."""
    _, _, depth, excess = _label_parts(logits, label)
    return depth + excess


@label_cross_entropy.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    logits, label = primals
    at, terms, depth, excess = _label_parts(logits, label)
    share, fall = _once((jnp.exp(-excess), jnp.expm1(-depth - excess)))
    # In blocks the gradient takes the place of the terms in memory. At the label it is overwritten: a choice at each
    # entry would take as long as the exponentials.
    dlogits = tangents[0].reshape(terms.shape)
    elsewhere = jnp.sum(share * terms * dlogits.at[at].set(0.0))
    return label_cross_entropy(logits, label), elsewhere + fall * dlogits[at]


def _label_parts(logits: Array, label: Array) -> tuple[tuple[Array, Array], Array, Array, Array]:
    """Where the label is in blocks, exp(logits − max), how far it is below the max, the excess by the other labels."""
    blocks, top = _blocks(logits), _once(jnp.max(logits))
    width = blocks.shape[1]
    own, within = jnp.divmod(label, width)
    terms, depth = jnp.exp(blocks - top), top - blocks[own, within]
    beside = jnp.sum(select(jnp.arange(width) == within, 0.0, jnp.exp(blocks[own] - top)))
    return (own, within), terms, depth, jnp.log1p(_with_own(terms, own, beside) + jnp.expm1(-depth))


def softmax_entropy(logits: Array) -> Array:
    """−Σ p log p [...] with p = softmax(logits)."""
    top, excess = top_and_excess(logits)
    depth = top - logits
    reached = depth < jnp.inf
    depth = select(reached, depth, 0.0)
    return excess + jnp.sum(select(reached, depth * jnp.exp(-depth - excess[..., None]), 0.0), -1)


@jax.custom_jvp
@jax.jit
def softmax_divergence(p_logits: Array, q_logits: Array) -> Array:
    """KL(softmax(p_logits)‖softmax(q_logits)) ≥ 0 [...], without cancellation; 0 only for equal distributions.

    With w ∝ p and e = log(q / p) up to a constant that makes its p-mean 0, Σ q = 1 gives
    KL = log E_p[exp(e)] = log(1 + E_p[exp(e) − 1 − e]), a sum of non-negative terms.
    """
    rows = _once(_rows(p_logits, q_logits))
    w, d = _weights(p_logits, q_logits, rows)
    e = select(w > 0, d - rows.mean, 0.0)
    reached = jnp.exp(q_logits - rows.q_top - rows.mean)  # w exp(e), also where w is 0
    terms = w * _expm1_minus(jnp.clip(e, -1.0, 1.0))
    terms = select((jnp.abs(e) <= 1) & (w > 0), terms, reached - w * (1 + e))
    total = jnp.sum(terms, -1, keepdims=True) / rows.total
    apart = rows.q_excess - jnp.log(rows.total) - rows.mean  # where nothing cancels
    return select(total < 1e30, jnp.log1p(jnp.maximum(total, 0.0)), apart)[..., 0]


@softmax_divergence.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (p_logits, q_logits), (dp, dq) = primals, tangents
    divergence, rows = _once((softmax_divergence(p_logits, q_logits), _rows(p_logits, q_logits)))
    w, d = _weights(p_logits, q_logits, rows)
    e = select(w > 0, d - rows.mean, 0.0)
    p, q = w / rows.total, jnp.exp(q_logits - rows.q_top - rows.q_excess)
    rise = e - divergence[..., None]  # log(q / p)
    near = (jnp.abs(rise) <= 1) & (p > 0)
    rise = jnp.clip(rise, -1.0, 1.0)
    in_q = select(near, p * (rise + _expm1_minus(rise)), q - p)
    return divergence, jnp.sum(in_q * dq - p * e * dp, -1)


class _Rows(NamedTuple):
    """The numbers of a row [..., 1]: of w = p · total, the p-mean of the differences of the logits, and of q."""

    p_top: Array
    total: Array
    mean: Array
    q_top: Array
    q_excess: Array


def _rows(p_logits: Array, q_logits: Array) -> _Rows:
    p_top, (q_top, q_excess) = jnp.max(p_logits, -1, keepdims=True), top_and_excess(q_logits)
    total = jnp.sum(jnp.exp(p_logits - p_top), -1, keepdims=True)
    rows = _once(_Rows(p_top, total, jnp.zeros_like(total), q_top, q_excess[..., None]))
    w, d = _weights(p_logits, q_logits, rows)
    # the choice changes nothing, but keeps the product in one loop with those in w and d
    return rows._replace(mean=jnp.sum(select(w > 0, w * d, 0.0), -1, keepdims=True) / total)


def _weights(p_logits: Array, q_logits: Array, rows: _Rows) -> tuple[Array, Array]:
    """w, and how far q's logits are above p's once both have their largest at 0; where w is 0 that is 0.

    Each pass over the rows computes them again, apart by `_once`: to write them would take longer.
    """
    w = jnp.exp(p_logits - rows.p_top)
    # of the logits first, which may be close; a common offset of theirs must not round what follows
    return w, select(w > 0, (q_logits - p_logits) - (rows.q_top - rows.p_top), 0.0)


def _expm1_minus(x: Array) -> Array:
    """exp(x) − 1 − x for |x| ≤ 1, by its series: a quarter of the time of `expm1_minus`."""
    last = 12 if jnp.finfo(x.dtype).eps > 1e-10 else 20
    return x * x * polynomial([1 / math.factorial(k) for k in range(2, last)], x)
