"""Entropy, cross-entropy and KL divergence, of probability vectors and of distributions.

The truth p comes first, the model q second, and everything is in nats.
"""

import math
from collections.abc import Callable
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from xentjax._numerics import as_float, relative_entropy_term
from xentjax._select import select
from xentjax.parameters import check_parameters, named_leaves
from xentjax.sources import Empirical, check_points, check_weights
from xentjax.statistics import Center, Spread, indicators, summarize
from xentjax.supports import reaches_beyond


def in_bits(nats: ArrayLike) -> Array:
    """The same quantity in bits: nats / log 2.

    H(p, q) in bits is the average length of a message that encodes data from p with a code made for q.

    >>> import xentjax as xj
    >>> round(xj.in_bits(xj.entropy([0.5, 0.25, 0.25])).item(), 6)
    1.5

    Reference: Cover & Thomas (2006), Elements of Information Theory, chapter 5.
    """
    return as_float(nats) / math.log(2)


def entropy(p: Any, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """H(p) = −Σ p log p, or E_p[−log p(x)] for a distribution: H(p, p), in nats.

    0 log 0 = 0. At p = 0, where the derivative grows without bound, it is taken as 0: such an outcome stays out. NaN
    gives NaN.

    Args:
      p: probabilities [..., k], or a distribution whose entropy has a closed form (for a density it is the
        differential entropy, which may be negative).
      axis: the axis of the outcomes (arrays only).
      where: booleans that broadcast to p; outcomes to count (arrays only).

    Returns:
      The entropy [...].

    Raises:
      ValueError: outside jit: an array is negative, NaN, or does not sum to 1; a parameter is outside its support.
      TypeError: a distribution without closed form, of which take points with `quadrature` or `monte_carlo`; axis= or
        where= with a distribution.

    >>> import xentjax as xj
    >>> round(xj.entropy([0.5, 0.5, 0.0]).item(), 6)
    0.693147
    >>> xj.entropy(xj.Exponential(1.0)).item()
    1.0

    See also: `scipy.stats.entropy`, which renormalises silently; `jax.scipy.special.entr`, its terms.
    """
    if _is_distribution(p):
        _without_outcomes("entropy", axis, where)
        if not _is_family(p) and not hasattr(p, "entropy"):
            raise TypeError(
                f"entropy: found a {type(p).__name__}, but a distribution that knows its own density is needed; for "
                "the entropy of frequencies pass them as an array: entropy(weights / weights.sum())."
            )
        check_parameters("entropy", p=p)
        return _entropy("entropy", p)
    p = counted(probabilities("entropy", "p", p, axis, where), where)
    present = p != 0
    safe = select(present, p, 1.0)
    return jnp.sum(-safe * jnp.log(safe), axis=axis)


def cross_entropy(p: Any, q: Any, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """H(p, q) = −Σ p log q = E_p[−log q(x)] = H(p) + KL(p‖q), in nats.

    The average number of nats to encode data from the truth p with a code made for the model q. Not symmetric.
    p = 0 contributes 0 whatever q is, with derivative 0 where q = 0 too; p > 0 = q gives +inf; NaN gives NaN.

    Args:
      p: the truth: probabilities [..., k], or a source: data (`Empirical`), weighted points, a family, a mixture.
      q: the model: probabilities [..., k] if p is an array, else anything with `log_prob`.
      axis: the axis of the outcomes (arrays only).
      where: booleans; outcomes to count (arrays only).

    Raises:
      ValueError: outside jit: an array is negative, NaN, or does not sum to 1; a parameter is outside its support.
      TypeError: two families without closed form, and the message shows the call by points; axis= or where= with a
        distribution.

    >>> import xentjax as xj
    >>> round(xj.cross_entropy([0.5, 0.5], [0.25, 0.75]).item(), 6)
    0.836988
    >>> round(xj.cross_entropy(xj.Gamma(2.0, 1.0), xj.Exponential(0.5)).item(), 6)
    1.693147

    See also: `optax.losses.softmax_cross_entropy(logits, labels)`: model first, and logits; here that is
    `cross_entropy(labels, Categorical(logits))`. Of `jax.nn.softmax(logits)` a probability too small for floats is 0,
    and costs +inf.
    """
    if _is_distribution(p) or _is_distribution(q):
        _without_outcomes("cross_entropy", axis, where)
        if not _is_distribution(p) and _has_categories(q):
            return -q.log_prob_of(_matching("cross_entropy", p, q))
        p = _as_source("cross_entropy", p)
        _check_pair("cross_entropy", p, q)
        return _cross_entropy("cross_entropy", p, q)
    p, q = pair("cross_entropy", p, q, axis, where)
    neither = (p == 0) & (q == 0)
    log_q = jnp.log(select(neither, 1.0, q))
    # p = 0 < q stays p log q, whose derivative in p is log q; only 0 log 0 is left out
    terms = select(neither, 0.0 * p, p * log_q)
    return jnp.sum(-terms, axis=axis)


def kl_divergence(p: Any, q: Any, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """KL(p‖q) = Σ p log(p / q) = H(p, q) − H(p) ≥ 0, in nats; 0 only for p = q. Not symmetric.

    What is lost by using a code made for q on data from p. Computed as Σ (p log(p/q) − p + q), every term of which is
    non-negative and does not cancel: it has full relative accuracy however close p and q are. For vectors of unequal
    total the formula is the generalised KL (I-divergence). The same holds of two members of one family.

    p = 0 contributes q, i.e. nothing to Σ p log(p/q); its derivative in p, which has no finite limit, is 0. p > 0 = q
    gives +inf; NaN gives NaN. Two distributions on different values: +inf when p reaches values that q excludes.

    Args:
      p: the truth: probabilities [..., k], or a distribution.
      q: the model, likewise.
      axis: the axis of the outcomes (arrays only).
      where: booleans; outcomes to count (arrays only).

    Raises:
      ValueError: outside jit: an array is negative, NaN, or does not sum to 1; a parameter is outside its support.
      TypeError: two families without closed form, and the message shows the call by points; axis= or where= with a
        distribution.

    >>> import xentjax as xj
    >>> round(xj.kl_divergence([0.5, 0.5], [0.25, 0.75]).item(), 6)
    0.143841
    >>> round(xj.kl_divergence(xj.Normal(0.0, 1.0), xj.Normal(1.0, 1.0)).item(), 6)
    0.5

    See also: `optax.losses.kl_divergence(log_predictions, targets)`: model first and in logarithms, with a NaN gradient
    at a target of 0; `scipy.special.kl_div`, the terms, which lose all digits when p and q are close.
    """
    if _is_distribution(p) or _is_distribution(q):
        _without_outcomes("kl_divergence", axis, where)
    if not _is_distribution(p) and _has_categories(q):
        p, q = _matching("kl_divergence", p, q), q.probs
    if _is_distribution(p) or _is_distribution(q):
        _check_pair("kl_divergence", p, q)
        # no density where the other has single points: neither is absolutely continuous
        if _is_family(p) and _is_family(q) and p.support.discrete != q.support.discrete:
            return _infinity(p)
        if type(p) is type(q) and hasattr(p, "kl_to"):
            return _where_covered(p, q, lambda: _kl_to(p, q))
        if not _is_distribution(p) and getattr(getattr(q, "support", None), "discrete", False):
            return _cross_entropy("kl_divergence", _as_source("kl_divergence", p), q) - entropy(p)
        if not _is_family(p) and not hasattr(p, "entropy"):
            raise TypeError(
                f"kl_divergence: found a {type(p).__name__} as the truth, but one that knows its entropy is needed; "
                "points have none. Of a known p: cross_entropy(quadrature(p), q) - cross_entropy(quadrature(p), p); of "
                "data on a few values: their frequencies as an array."
            )
        return _cross_entropy("kl_divergence", p, q) - _entropy("kl_divergence", p)
    p, q = pair("kl_divergence", p, q, axis, where)
    return jnp.sum(relative_entropy_term(p, q), axis=axis)


def _without_outcomes(function: str, axis: int, where: ArrayLike | None) -> None:
    if axis != -1 or where is not None:
        raise TypeError(
            f"{function}: found {'axis' if where is None else 'where'}= with a distribution, but only arrays of "
            "probabilities have an axis of outcomes; leave it out, or pass the probabilities of its outcomes."
        )


def _is_distribution(p: Any) -> bool:
    return hasattr(p, "log_prob") or hasattr(p, "expect")


def _is_family(p: Any) -> bool:
    return hasattr(p, "expectations")


def _has_categories(q: Any) -> bool:
    """Whether q is a distribution on categories, next to which a vector of probabilities is one of frequencies."""
    statistics: tuple = getattr(q, "statistics", ())
    return len(statistics) == 1 and statistics[0].key is indicators


def _matching(caller: str, p: Any, q: Any) -> Array:
    """p [..., k], checked to be probabilities of the k categories of q."""
    p, size = probabilities(caller, "p", p, -1, None), q.statistics[0].parameter
    if p.shape[-1] != size:
        raise ValueError(
            f"{caller}: found {p.shape[-1]} outcomes in p and {size} categories in q, but the same outcomes are "
            "needed; give an outcome that one lacks the probability 0."
        )
    return p


def _as_source(caller: str, p: Any) -> Any:
    """A vector of probabilities next to a distribution stands for the points 0, ..., k − 1 with these weights."""
    if _is_distribution(p):
        return p
    p = probabilities(caller, "p", p, -1, None)
    return Empirical(jnp.arange(p.shape[-1]), p, drawn=False)


def _not_a_model(caller: str, q: Any) -> NoReturn:
    raise TypeError(
        f"{caller}: found {type(q).__name__} as the model, but something with log_prob is needed; the truth comes "
        "first and the model second; a vector of probabilities q becomes a model by Categorical.from_probs(q)."
    )


def _cross_entropy(caller: str, p: Any, q: Any) -> Array:
    if not hasattr(q, "log_prob"):
        _not_a_model(caller, q)
    if not _is_family(p):
        p = p.counted() if isinstance(p, Empirical) else p
        return -p.expect(q.log_prob)
    return _where_covered(p, q, lambda: _closed_form(caller, p, q)) if _is_family(q) else _closed_form(caller, p, q)


def _entropy(caller: str, p: Any) -> Array:
    if not hasattr(p, "entropy"):
        return _closed_form(caller, p, p)
    return _own_entropy(p) if _is_family(p) else p.entropy()


def _where_covered(p: Any, q: Any, value: Callable[[], Array]) -> Array:
    """value(), and +inf where p gives probability to values that q excludes."""
    beyond = reaches_beyond(p.support, p.ends(), q.support, q.ends())
    # where the ends are known there may be no closed form, and need not be
    if not isinstance(beyond, jax.core.Tracer) and np.all(beyond):
        return _infinity(p)
    return value() if beyond is False else select(beyond, jnp.inf, value())


def _infinity(p: Any) -> Array:
    return jnp.full_like(as_float(jax.tree_util.tree_leaves(p)[0]).ravel()[0], jnp.inf)


BY_POINTS = {
    "entropy": "cross_entropy(quadrature(p), p)",
    "cross_entropy": "cross_entropy(quadrature(p), q)",
    "kl_divergence": "cross_entropy(quadrature(p), q) - cross_entropy(quadrature(p), p)",
}


def _closed_form(caller: str, p: Any, q: Any) -> Array:
    value = _known(p, q) if getattr(q, "statistics", ()) else None
    if value is None and type(p) is type(q) and hasattr(p, "kl_to") and hasattr(p, "entropy"):
        return _own_entropy(p) + _kl_to(p, q)
    if value is None:
        what = "the entropy of p" if q is p else f"E_p[log q] with q = {type(q).__name__} and p"
        raise TypeError(
            f"{caller}: found no closed form for {what} = {type(p).__name__}, but one is needed; take the expectation "
            f"over points of p: {BY_POINTS[caller]}, exact to rounding for a smooth log q of numbers, or with "
            "monte_carlo(p, key, num_samples) as the points."
        )
    return value


# Compiled: op by op these formulas take a hundred times as long, and what a table holds besides is never computed.


@jax.jit
def _known(p: Any, q: Any) -> Array | None:
    """H(p, q), where p knows all that q asks for."""
    if not all(_knows(p, statistic) for statistic in q.statistics):
        return None
    return -q.log_prob_of(*summarize(p, q.statistics))


@jax.jit
def _kl_to(p: Any, q: Any) -> Array:
    return p.kl_to(q)


@jax.jit
def _own_entropy(p: Any) -> Array:
    return p.entropy()


def _knows(p: Any, statistic: Center | Spread) -> bool:
    component = getattr(p, "components", None)
    if component is not None:
        return _knows(component, statistic)
    return p.known(statistic) is not None


def pair(function: str, p: Any, q: Any, axis: int, where: ArrayLike | None) -> tuple[Array, Array]:
    """`p` and `q` as probabilities of the same outcomes, in one shape; 0 at the outcomes left out."""
    p, q = probabilities(function, "p", p, axis, where), probabilities(function, "q", q, axis, where)
    if axis >= 0 and p.ndim != q.ndim:
        raise ValueError(
            f"{function}: found arrays of {p.ndim} and {q.ndim} dimensions with axis={axis}, which counts from the "
            "first and is another axis of each; give axis from the last, as in axis=-1, or arrays of equal dimensions."
        )
    if p.shape[axis] != q.shape[axis]:
        raise ValueError(
            f"{function}: found {p.shape[axis]} outcomes in p and {q.shape[axis]} in q, but the same outcomes are "
            "needed; give an outcome that one lacks the probability 0."
        )
    p, q = counted(p, where), counted(q, where)
    shape = jnp.broadcast_shapes(p.shape, q.shape)
    return jnp.broadcast_to(p, shape), jnp.broadcast_to(q, shape)


def counted(p: Array, where: ArrayLike | None) -> Array:
    """0 in place of the outcomes left out: every term is 0 there, with derivatives that do not see what was there."""
    return p if where is None else select(jnp.broadcast_to(jnp.asarray(where), p.shape), p, 0.0)


def _check_pair(caller: str, p: Any, q: Any) -> None:
    check_parameters(caller, **{name: m for name, m in (("p", p), ("q", q)) if hasattr(m, "log_prob")})
    if isinstance(p, Empirical):
        check_points(caller, p.data, p.weights)
        check_weights(caller, p.weights)
        if _is_family(q) and hasattr(p.data, "shape") and len(p.data.shape) != 1 + q.support.ndim:
            needed = "[n], as it is for single numbers" if q.support.ndim == 0 else f"of {1 + q.support.ndim} axes"
            raise ValueError(
                f"{caller}: found points of shape {p.data.shape} for q = {type(q).__name__}, but an array {needed}, is "
                "needed; give one row for each observation, and Independent(q) for rows of independent numbers."
            )
    if not _is_family(p) or not _is_family(q):
        return
    sizes = _size(p), _size(q)
    if p.support.ndim != q.support.ndim or (None not in sizes and sizes[0] != sizes[1]):
        found = [f"{type(m).__name__} on {size or 'single numbers'}" for m, size in zip((p, q), sizes, strict=True)]
        raise ValueError(
            f"{caller}: found p = {found[0]} and q = {found[1]}, but points of one kind are needed; give both the "
            "same number of dimensions or categories."
        )


def _size(p: Any) -> str | None:
    """The dimensions of vectors or the number of categories, which is the last axis of a parameter."""
    component = getattr(p, "components", p)
    if component.support.ndim:
        return f"vectors of {max((jnp.shape(leaf) for leaf in jax.tree.leaves(component)), key=len)[-1]} numbers"
    sizes = [jnp.shape(leaf.value)[-1] for leaf in named_leaves(component) if leaf.support.ndim]
    return f"{sizes[0]} categories" if sizes else None


def probabilities(
    function: str, name: str, p: Any, axis: int | tuple[int, ...], where: ArrayLike | None = None
) -> Array:
    """`p` as a floating array; outside jit, checked to be probabilities."""
    if _is_distribution(p):
        raise TypeError(
            f"{function}: found {name} = {type(p).__name__}, but an array of probabilities is needed; of distributions "
            "there are entropy, cross_entropy and kl_divergence."
        )
    p = as_float(p)
    if p.ndim == 0:
        raise ValueError(
            f"{function}: found the scalar {name} = {p}, but a vector of probabilities is needed; "
            "for a single probability write Bernoulli(p) or [p, 1 - p]."
        )
    if isinstance(p, jax.core.Tracer) or isinstance(where, jax.core.Tracer):
        return p
    entries = np.where(True if where is None else np.asarray(where), np.asarray(p, float), 0.0)
    bad = np.argwhere(~(entries >= 0))
    if bad.size:
        index = tuple(int(i) for i in bad[0])
        raise ValueError(
            f"{function}: found {name}[{', '.join(map(str, index))}] = {entries[index]}, but probabilities ≥ 0 are "
            "needed; correct the entry, or leave it out with where=; for observations give the source Empirical(x)."
        )
    totals = entries.sum(axis)
    worst = totals.ravel()[np.argmax(np.abs(totals - 1))] if totals.size else 1.0
    # rounding of a vector normalised in float32 stays far below 1e-3, in bfloat16 below the eps of that
    if abs(worst - 1) > max(1e-3, float(jnp.finfo(p.dtype).eps)):
        if not np.any(entries, axis).all():
            raise ValueError(
                f"{function}: found no outcome of {name} along axis {axis} that is counted and has a probability, but "
                "a total of 1 is needed; correct the entries, or where=."
            )
        raise ValueError(
            f"{function}: found {name} with a total of {worst:.6g} along axis {axis}, but 1 is needed; "
            f"divide by {name}.sum(axis={axis}, keepdims=True), or pass softmax of the logits."
        )
    return p
