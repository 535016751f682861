"""Divergences of probability vectors, beside `kl_divergence`: sums over the outcomes of non-negative terms.

The truth p comes first, the model q second, and everything is in nats. As no two terms cancel, each is accurate however
close p and q are, never negative, and exactly 0 for p = q. Half-precision vectors are worked on in float32.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from xentjax._divergence_terms import mixture_term, power_term, wide
from xentjax._numerics import quotient, relative_entropy_term
from xentjax._select import select
from xentjax.information import counted, pair, probabilities


def jensen_shannon(*ps: Any, weights: ArrayLike | None = None, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """JS(p₁, …, pₙ) = Σ wᵢ KL(pᵢ‖m) with the mixture m = Σ wᵢ pᵢ, in nats; = H(m) − Σ wᵢ H(pᵢ).

    How much a draw from the mixture tells about which pᵢ it came from. It is ≥ 0, finite, at most H(w) (log 2 for two
    equal weights), 0 only for equal vectors. At pᵢ = 0 the derivative in pᵢ, which has no finite limit, is 0. NaN gives
    NaN.

    Args:
      ps: two or more arrays of probabilities [..., k], which broadcast; of a stack [n, ..., k], `*stack`.
      weights: [n], which sum to 1; equal if not given.
      axis: the axis of the outcomes.
      where: booleans that broadcast to each p; outcomes to count.

    Returns:
      The divergence [...].

    Raises:
      ValueError: fewer than two vectors, or (outside jit) one is negative, NaN, or does not sum to 1.

    >>> import xentjax as xj
    >>> round(xj.jensen_shannon([1.0, 0.0], [0.5, 0.5]).item(), 6)
    0.215762
    >>> round(xj.jensen_shannon([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]).item(), 4)      # log 3
    1.0986

    See also: `scipy.spatial.distance.jensenshannon`, the square root of this, of two vectors with equal weights, which
    renormalises silently and may be NaN when they are close.

    Reference: Lin (1991), Divergence measures based on the Shannon entropy, IEEE Trans. Inf. Theory 37.
    """
    if len(ps) < 2:
        raise ValueError(
            f"jensen_shannon: found {len(ps)} vector, but two or more are needed; pass jensen_shannon(p, q), or "
            "jensen_shannon(*stack) for those along a leading axis."
        )
    # one against the others: all have the same outcomes
    pairs = [pair("jensen_shannon", p, ps[0], axis, where) for p in ps]
    stack, dtype = wide(jnp.stack(jnp.broadcast_arrays(*(p for p, _ in pairs))))
    w = jnp.full(len(ps), 1 / len(ps)) if weights is None else probabilities("jensen_shannon", "weights", weights, -1)
    if w.shape != (len(ps),):
        raise ValueError(
            f"jensen_shannon: found weights of shape {w.shape} for {len(ps)} vectors, but one for each is needed."
        )
    return jnp.sum(mixture_term(stack, w.astype(stack.dtype)), axis=axis).astype(dtype)


def jeffreys_divergence(p: Any, q: Any, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """J(p, q) = KL(p‖q) + KL(q‖p) = Σ (p − q) log(p/q) ≥ 0, in nats; symmetric.

    +inf where only one of p and q is 0; both 0 contribute 0, with derivatives those of the two KL terms. NaN gives NaN.

    Args:
      p: probabilities [..., k].
      q: probabilities [..., k].
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1.

    >>> import xentjax as xj
    >>> round(xj.jeffreys_divergence([0.5, 0.5], [0.25, 0.75]).item(), 6)
    0.274653

    See also: `kl_divergence`, one direction; `jensen_shannon`, finite also where one is 0. Some call half of it J.

    Reference: Jeffreys (1946), An invariant form for the prior probability, Proc. R. Soc. A 186.
    """
    return over_outcomes(
        "jeffreys_divergence", lambda p, q: relative_entropy_term(p, q) + relative_entropy_term(q, p), p, q, axis, where
    )


def squared_hellinger(p: Any, q: Any, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """H²(p, q) = ½ Σ (√p − √q)² = 1 − Σ √(p q), between 0 and 1 (nothing in common); symmetric.

    Its square root is a distance. At p = 0 or q = 0 the derivative, which has no finite limit, is 0. NaN gives NaN.

    Args:
      p: probabilities [..., k].
      q: probabilities [..., k].
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1.

    >>> import xentjax as xj
    >>> round(xj.squared_hellinger([0.5, 0.5, 0.0], [0.5, 0.0, 0.5]).item(), 6)
    0.5

    See also: `renyi_divergence` of order ½, −2 log(1 − H²); without the factor ½ it is Matusita's distance squared.

    Reference: Tsybakov (2009), Introduction to Nonparametric Estimation, section 2.4.
    """
    half = 0.5
    return over_outcomes(
        "squared_hellinger", lambda p, q: power_term(p, q, jnp.asarray(half, p.dtype)) / 4, p, q, axis, where
    )


def total_variation(p: Any, q: Any, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """TV(p, q) = ½ Σ |p − q|, between 0 and 1: the largest difference p and q make in the probability of any event.

    A distance. The derivative at p = q, where it has a kink, is 0. KL(p‖q) ≥ 2 TV². NaN gives NaN.

    Args:
      p: probabilities [..., k].
      q: probabilities [..., k].
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1.

    >>> import xentjax as xj
    >>> xj.total_variation([0.5, 0.5, 0.0], [0.25, 0.5, 0.25]).item()
    0.25

    See also: `scipy.spatial.distance.cityblock`, twice this.

    Reference: Levin & Peres (2017), Markov Chains and Mixing Times, chapter 4.
    """
    return over_outcomes("total_variation", lambda p, q: jnp.abs(p - q) / 2, p, q, axis, where)


def pearson_chi_squared(p: Any, q: Any, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """χ²(p‖q) = Σ (p − q)² / q ≥ 0: the variance under q of the ratio p / q.

    n times it is Pearson's statistic for the frequencies p of n counts and the hypothesis q. p > 0 = q gives +inf; both
    0 contribute 0. NaN gives NaN. log(1 + χ²) is the `renyi_divergence` of order 2, and bounds KL(p‖q) from above.

    Args:
      p: the truth, or observed frequencies: probabilities [..., k].
      q: the model: probabilities [..., k].
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1.

    >>> import xentjax as xj
    >>> round(xj.pearson_chi_squared([0.5, 0.5], [0.25, 0.75]).item(), 6)
    0.333333

    See also: `scipy.stats.chisquare`, of counts, with its p-value; `neyman_chi_squared`, which divides by p.

    Reference: Pearson (1900), Philosophical Magazine 50.
    """
    return over_outcomes("pearson_chi_squared", _chi_squared_term, p, q, axis, where)


def neyman_chi_squared(p: Any, q: Any, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """χ²(q‖p) = Σ (p − q)² / p ≥ 0: Pearson's with the two exchanged, weighted by the observed frequencies p.

    q > 0 = p gives +inf; both 0 contribute 0. NaN gives NaN.

    Args:
      p: the truth, or observed frequencies: probabilities [..., k].
      q: the model: probabilities [..., k].
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1.

    >>> import xentjax as xj
    >>> xj.neyman_chi_squared([0.5, 0.5], [0.25, 0.75]).item()
    0.25

    See also: `scipy.stats.power_divergence` with `lambda_="neyman"`, of counts, with its p-value.

    Reference: Cressie & Read (1984), Multinomial goodness-of-fit tests, J. R. Stat. Soc. B 46.
    """
    return over_outcomes("neyman_chi_squared", lambda p, q: _chi_squared_term(q, p), p, q, axis, where)


def _chi_squared_term(p: Array, q: Array) -> Array:
    neither = (p == 0) & (q == 0)
    only_p = (q == 0) & ~neither
    ratio = quotient(p - q, select(q == 0, 1.0, q))
    # where q is 0 the ratio above is p, and its sum with +inf keeps a NaN
    return select(only_p, p + jnp.inf, select(neither, 0.0, (p - q) * ratio))


def over_outcomes(
    function: str,
    term: Callable[[Array, Array], Array],
    p: Any,
    q: Any,
    axis: int,
    where: ArrayLike | None,
) -> Array:
    """Σ term(p, q) over the outcomes counted, in the type of p and q."""
    p, q = pair(function, p, q, axis, where)
    (p, dtype), (q, _) = wide(p), wide(q)
    return jnp.sum(term(p, q), axis=axis).astype(dtype)


def vector(function: str, p: Any, axis: int, where: ArrayLike | None) -> tuple[Array, Any]:
    """`p` with 0 at the outcomes left out, in at least float32, and the type it came in."""
    return wide(counted(probabilities(function, "p", p, axis, where), where))
