"""Measures with an order: Rényi's, Tsallis's and Amari's, and the perplexity, an effective number of outcomes.

All of them are functions of sums of powers, and have Shannon's and Kullback–Leibler's as the limit of order 1. The
order is one number, which may be traced: for many, `jax.vmap(lambda a: renyi_entropy(p, a))(orders)`. Near order 1
nothing is lost: the powers enter as (pᵃ⁻¹ − 1) / (a − 1), which is log p at a = 1.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from xentjax._divergence_terms import deformed_log, nothing, power_term, wide
from xentjax._numerics import as_float, log1p_over, log_ratio
from xentjax._select import select
from xentjax.divergences import over_outcomes, vector
from xentjax.information import entropy, pair


def perplexity(p: Any, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """exp H(p): the number of equally likely outcomes that would be as uncertain as p.

    Between 1, where one outcome is certain, and k. In ecology it is the Hill number of order 1; of another order it is
    `exp(renyi_entropy(p, order))`. Zeros and NaN as in `entropy`.

    Args:
      p: probabilities [..., k], or a distribution whose entropy has a closed form.
      axis: the axis of the outcomes (arrays only).
      where: booleans; outcomes to count (arrays only).

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1.

    >>> import xentjax as xj
    >>> round(xj.perplexity([0.25, 0.25, 0.25, 0.25]).item(), 6)
    4.0

    See also: the perplexity of a language model, `exp(cross_entropy(data, model))`.

    Reference: Hill (1973), Diversity and evenness, Ecology 54.
    """
    return jnp.exp(entropy(p, axis=axis, where=where))


def tsallis_entropy(p: Any, order: ArrayLike, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """S(p) = (1 − Σ pᵃ) / (a − 1) = Σ p (1 − pᵃ⁻¹) / (a − 1) ≥ 0, a = order, over the outcomes with p > 0.

    Order 1 is `entropy`, order 2 the Gini–Simpson index 1 − Σ p², order 0 the number of outcomes less one. At p = 0 the
    derivative is its limit 1 / (a − 1) for a > 1, and 0 for a ≤ 1, where there is none. NaN gives NaN.

    Args:
      p: probabilities [..., k].
      order: a real number, finite.
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1; the order is not one finite number.

    >>> import xentjax as xj
    >>> xj.tsallis_entropy([0.5, 0.5], 2.0).item()
    0.5

    See also: `renyi_entropy`, a function of it: log(1 + (1 − a) S) / (1 − a).

    Reference: Tsallis (1988), J. Stat. Phys. 52; Havrda & Charvát (1967), Kybernetika 3.
    """
    p, dtype = vector("tsallis_entropy", p, axis, where)
    return jnp.sum(_entropy_term(p, _order("tsallis_entropy", order, p, -jnp.inf, finite=True)), axis=axis).astype(
        dtype
    )


def renyi_entropy(p: Any, order: ArrayLike, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """H_a(p) = log(Σ pᵃ) / (1 − a) ≥ 0, a = order, in nats: decreasing in the order, log k for equal probabilities.

    Order 0 is the logarithm of the number of outcomes with p > 0, order 1 is `entropy`, order 2 the collision entropy
    −log Σ p², order +inf the min-entropy −log max p. At p = 0 the derivative is its limit for a > 1, and 0 for a ≤ 1,
    where there is none. NaN gives NaN.

    Args:
      p: probabilities [..., k].
      order: a number ≥ 0, or +inf.
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1; the order is negative or no number.

    >>> import xentjax as xj
    >>> [round(xj.renyi_entropy([0.5, 0.25, 0.25], a).item(), 6) for a in (0.0, 1.0, 2.0, float("inf"))]
    [1.098612, 1.039721, 0.980829, 0.693147]

    See also: `dit.other.renyi_entropy`, in bits. The exponential is the Hill number, in ecology a diversity.

    Reference: Rényi (1961), On measures of entropy and information, 4th Berkeley Symposium.
    """
    p, dtype = vector("renyi_entropy", p, axis, where)
    a = _order("renyi_entropy", order, p, 0.0)
    finite = select(jnp.isposinf(a), 2.0, a)
    far = _is_far(_log_sum(p, jnp.ones_like(p), finite, axis))
    near_p, far_p = _either(far, p, 1.0, axis)
    total = jnp.sum(_entropy_term(near_p, finite), axis=axis)
    value = _from_power_sum(total, 1 - finite, _log_sum(far_p, jnp.ones_like(p), finite, axis), far)
    most = -jnp.log(jnp.max(p, axis=axis))
    return select(jnp.isposinf(a), most, value).astype(dtype)


def tsallis_divergence(p: Any, q: Any, order: ArrayLike, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """T_a(p‖q) = (Σ pᵃ q¹⁻ᵃ − 1) / (a − 1) ≥ 0, a = order; order 1 is `kl_divergence`.

    Summed as [a p + (1 − a) q − pᵃ q¹⁻ᵃ] / (1 − a), which is ≥ 0. Order 0 is what q gives to outcomes with p = 0. p = 0
    contributes q; p > 0 = q gives +inf for a ≥ 1, and a p / (1 − a) below. Derivatives that have no finite limit there
    are 0 where the value is finite. NaN gives NaN.

    Args:
      p: the truth: probabilities [..., k].
      q: the model: probabilities [..., k].
      order: a number ≥ 0, finite.
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1; the order is negative or infinite.

    >>> import xentjax as xj
    >>> round(xj.tsallis_divergence([0.5, 0.5], [0.25, 0.75], 2.0).item(), 6)      # Pearson's χ²
    0.333333

    See also: `alpha_divergence`, this divided by the order; `renyi_divergence`, log(1 + (a − 1) T) / (a − 1).

    Reference: Tsallis (1998), Generalized entropy-based criterion for consistent testing, Phys. Rev. E 58.
    """
    return over_outcomes(
        "tsallis_divergence",
        lambda p, q: _divergence_term(p, q, _order("tsallis_divergence", order, p, 0.0, finite=True)),
        p,
        q,
        axis,
        where,
    )


def renyi_divergence(p: Any, q: Any, order: ArrayLike, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """D_a(p‖q) = log(Σ pᵃ q¹⁻ᵃ) / (a − 1) ≥ 0, a = order, in nats: increasing in the order.

    Order 0 is −log of what q gives to the outcomes with p > 0, order ½ is −2 log Σ √(p q), order 1 is `kl_divergence`,
    order 2 log(1 + χ²), order +inf the largest log(p / q). +inf where p and q have nothing in common, and for a ≥ 1
    also where p > 0 = q. Derivatives that have no finite limit at 0, and those of +inf, are 0. NaN gives NaN.

    Args:
      p: the truth: probabilities [..., k].
      q: the model: probabilities [..., k].
      order: a number ≥ 0, or +inf.
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1; the order is negative or no number.

    >>> import xentjax as xj
    >>> [round(xj.renyi_divergence([0.5, 0.5], [0.25, 0.75], a).item(), 6) for a in (0.0, 1.0, 2.0, float("inf"))]
    [0.0, 0.143841, 0.287682, 0.693147]

    See also: `dit.divergences.renyi_divergence`, in bits.

    Reference: van Erven & Harremoës (2014), Rényi divergence and Kullback–Leibler divergence, IEEE Trans. IT 60.
    """
    p, q = pair("renyi_divergence", p, q, axis, where)
    (p, dtype), (q, _) = wide(p), wide(q)
    a = _order("renyi_divergence", order, p, 0.0)
    finite = select(jnp.isposinf(a), 2.0, a)
    excluded = (p > 0) & (q == 0) & (a >= 1)
    p, q = select(excluded, 1.0, p), select(excluded, 1.0, q)
    far = _is_far(_log_sum(p, q, finite, axis))
    near_p, far_p = _either(far, p, q, axis)
    total = jnp.sum(_divergence_term(near_p, q, finite), axis=axis)
    value = _from_power_sum(total, finite - 1, _log_sum(far_p, q, finite, axis), far)
    both = (p != 0) & (q != 0)
    ratio = log_ratio(select(both, p, 1.0), select(both, q, 1.0))
    # totals that differ by rounding may have every ratio below 1
    most = jnp.max(select(both, ratio, nothing(p + q)), axis=axis, initial=0.0)
    value = select(jnp.isposinf(a), most, value)
    # a NaN elsewhere stays one
    infinite = jax.lax.stop_gradient(value) + jnp.inf
    return select(jnp.any(excluded, axis=axis), infinite, value).astype(dtype)


def alpha_divergence(p: Any, q: Any, alpha: ArrayLike, *, axis: int = -1, where: ArrayLike | None = None) -> Array:
    """D⁽ᵅ⁾(p‖q) = 4 / (1 − α²) (1 − Σ p^((1 − α)/2) q^((1 + α)/2)) ≥ 0: Amari's, for any real α.

    α = −1 is KL(p‖q) and α = 1 is KL(q‖p), as limits; α = 0 is 4 `squared_hellinger`, α = −3 half of Pearson's χ², and
    α = 3 half of Neyman's. Exchanging p and q changes the sign of α. p > 0 = q gives +inf for α ≤ −1, and
    q > 0 = p for α ≥ 1.
    Derivatives that have no finite limit there are 0 where the value is finite. NaN gives NaN.

    Args:
      p: the truth: probabilities [..., k].
      q: the model: probabilities [..., k].
      alpha: a real number, finite.
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1; alpha is not one finite number.

    >>> import xentjax as xj
    >>> round(xj.alpha_divergence([0.5, 0.5], [0.25, 0.75], -1.0).item(), 6)      # KL(p‖q)
    0.143841

    See also: `tfp.vi.amari_alpha`, a generator whose alpha is our (1 − α) / 2 and which takes log(p/q) of points;
    `scipy.stats.power_divergence`, whose λ(λ + 1)/2 has λ = −(1 + α) / 2.

    Reference: Amari (2016), Information Geometry and Its Applications, section 3.
    """
    return over_outcomes(
        "alpha_divergence",
        lambda p, q: power_term(p, q, (1 - _order("alpha_divergence", alpha, p, -jnp.inf, finite=True)) / 2),
        p,
        q,
        axis,
        where,
    )


def _order(function: str, order: ArrayLike, p: Array, least: float, *, finite: bool = False) -> Array:
    a = as_float(order)
    if a.ndim:
        raise ValueError(
            f"{function}: found orders of shape {a.shape}, but one number is needed; for many, "
            f"jax.vmap(lambda a: {function}(..., a))(orders)."
        )
    if not isinstance(a, jax.core.Tracer) and not (a >= least and not (finite and jnp.isinf(a))):
        kind = "a finite number" if finite else "a number"
        bound = "" if least == -jnp.inf else f" ≥ {least:g}"
        raise ValueError(f"{function}: found the order {a}, but {kind}{bound} is needed.")
    return a.astype(p.dtype)


def _entropy_term(p: Array, a: Array) -> Array:
    """p (1 − pᵃ⁻¹) / (a − 1)."""
    slope = select(a > 1, 1 / select(a > 1, a - 1, 1.0), 0.0)
    return select(p == 0, slope * p, -p * deformed_log(jnp.log(select(p == 0, 1.0, p)), a - 1))


def _divergence_term(p: Array, q: Array, a: Array) -> Array:
    """[a p + (1 − a) q − pᵃ q¹⁻ᵃ] / (1 − a)."""
    positive = a != 0
    return select(positive, a * power_term(p, q, select(positive, a, 0.5)), select(p == 0, q, nothing(p + q)))


def _log_sum(p: Array, q: Array, a: Array, axis: int) -> Array:
    """log Σ pᵃ q¹⁻ᵃ over the outcomes that both have; −inf if there are none."""
    both = (p != 0) & (q != 0)
    log_p, log_q = jnp.log(select(both, p, 1.0)), jnp.log(select(both, q, 1.0))
    return jax.nn.logsumexp(select(both, log_p + (a - 1) * (log_p - log_q), -jnp.inf), axis=axis)


def _is_far(log_sum: Array) -> Array:
    """Whether a sum of powers is so far from 1 that its logarithm is taken as it is."""
    largest = float(jnp.finfo(log_sum.dtype).max)
    return jax.lax.stop_gradient((log_sum < math.log(0.5)) | (log_sum > math.log(largest) / 2))


def _either(far: Array, p: Array, neutral: Array | float, axis: int) -> tuple[Array, Array]:
    """p for the sum near 1, with terms of 0 where far; p for the logarithm, with none where near."""
    far = jnp.expand_dims(far, axis)
    return select(far, neutral, p), select(far, p, 0.0)


def _from_power_sum(total: Array, c: Array, log_sum: Array, far: Array) -> Array:
    """log(1 + c · total) / c where near 1; else log_sum / c."""
    near = total * log1p_over(select(far, 0.0, c * total))
    return select(far, select(far, log_sum, 0.0) / select(c == 0, 1.0, c), near)
