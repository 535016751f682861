"""Divergences made from a convex function: f-divergences and Bregman divergences.

Both are what a convex function exceeds its tangent by. That small difference of large numbers is taken from the second
derivative where the two agree to rounding, so that it does not cancel; a function with a kink has the plain difference.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from xentjax._divergence_terms import wide
from xentjax._nodes import BREGMAN_WEIGHTS, NODES
from xentjax._numerics import quotient, relative_difference
from xentjax._select import select
from xentjax.divergences import over_outcomes
from xentjax.information import pair


def f_divergence(
    p: Any,
    q: Any,
    f: Callable[[Array], Array],
    *,
    limits: tuple[float, float] | None = None,
    axis: int = -1,
    where: ArrayLike | None = None,
) -> Array:
    """D_f(p‖q) = Σ q f(p/q) ≥ 0 for a convex f with f(1) = 0.

    Of f only the part above its tangent at 1 counts, since Σ (p − q) = 0: each term is q (f(r) − f(1) − f′(1) (r − 1)),
    with r = p/q, non-negative, 0 for p = q. Near r = 1 it is as accurate as f: write t log t, not t log t − t + 1,
    which cancels by itself. Where one vector is 0 the terms are the limits: q f(0₊) at p = 0 and p lim f(t)/t,
    t → ∞, at q = 0; both 0 contribute 0. Their derivatives are those of the limits. NaN gives NaN.

    Args:
      p: the truth: probabilities [..., k].
      q: the model: probabilities [..., k].
      f: the generator, of one positive number, differentiable at 1 (where it has a kink, JAX's choice of a slope).
      limits: f(0₊) and lim f(t)/t; needed where an outcome has probability 0 in only one of p and q, else NaN.
      axis: the axis of the outcomes.
      where: booleans; outcomes to count.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1; limits are needed and not given.

    >>> import xentjax as xj
    >>> round(xj.f_divergence([0.5, 0.5], [0.25, 0.75], lambda t: t * jnp.log(t)).item(), 6)      # KL(p‖q)
    0.143841
    >>> xj.f_divergence([1.0, 0.0], [0.5, 0.5], lambda t: abs(t - 1) / 2, limits=(0.5, 0.5)).item()  # total variation
    0.5

    See also: `tfp.vi.csiszar_vimco` and its like, of log(p/q) at points; `kl_divergence`, `squared_hellinger` and the
    others by name, with derivatives at zeros.

    Reference: Csiszár & Shields (2004), Information Theory and Statistics: A Tutorial, section 4.
    """

    def term(p: Array, q: Array) -> Array:
        only_one = (p == 0) != (q == 0)
        if limits is None and not isinstance(only_one, jax.core.Tracer) and jnp.any(only_one):
            raise ValueError(
                "f_divergence: found an outcome with probability 0 in only one of p and q, where the limits of f at 0 "
                "and of f(t) / t at infinity are needed; pass limits=(f0, slope), e.g. (0.0, inf) for t log t."
            )
        at_zero, steepest = (jnp.nan, jnp.nan) if limits is None else limits
        one = jnp.ones((), p.dtype)
        tangent, slope = jax.value_and_grad(f)(one)
        zero = (p == 0) | (q == 0)
        safe_p, safe_q = (select(zero, 1.0, x).ravel() for x in (p, q))
        ratio, step = quotient(safe_p, safe_q), -relative_difference(safe_q, safe_p)
        # 1 exactly for equal numbers, with the derivatives of the quotient: accelerators round its last digits
        ratio = ratio + jax.lax.stop_gradient(select(safe_p == safe_q, 1 - ratio, 0.0))
        terms = q * jax.vmap(lambda r, d: _excess(f, r, one, d))(ratio, step).reshape(p.shape)
        # the limits may be infinite: nothing but the outcomes that they are for may meet them
        alone_q, alone_p = (select(only_one & (x != 0), x, 1.0) for x in (q, p))
        one_sided = select(p == 0, alone_q * (at_zero - tangent + slope), alone_p * (steepest - slope))
        return select(only_one, one_sided, select(p == 0, 0.0, terms))

    return over_outcomes("f_divergence", term, p, q, axis, where)


def bregman_divergence(
    p: Any, q: Any, potential: Callable[[Array], Array], *, axis: int = -1, where: ArrayLike | None = None
) -> Array:
    """B_F(p, q) = F(p) − F(q) − ∇F(q)·(p − q) ≥ 0 for a convex F, the potential: what F exceeds its tangent at q by.

    F = Σ p log p gives KL(p‖q), F = ½ Σ p² half the squared distance. Convex in p; the mean of
    random p is the q of least mean divergence. Infinite slopes in coordinates where p = q do not count; else values and
    derivatives at 0 are those of F: −`entropy`, whose slope at 0 is taken as 0, does not see
    that q excludes an outcome.

    Args:
      p: the truth: probabilities [..., k].
      q: the model: probabilities [..., k].
      potential: F, of one vector [k], twice differentiable.
      axis: the axis of the outcomes.
      where: booleans; outcomes left out are 0 in the vectors that F sees.

    Raises:
      ValueError: an array (outside jit) is negative, NaN, or does not sum to 1.

    >>> import xentjax as xj
    >>> round(xj.bregman_divergence([0.5, 0.5], [0.25, 0.75], lambda p: p @ p).item(), 6)
    0.125
    >>> round(xj.bregman_divergence([0.5, 0.5], [0.25, 0.75], lambda p: p @ jnp.log(p)).item(), 6)      # KL(p‖q)
    0.143841

    See also: `f_divergence`, of the ratios p/q; KL is the only one (up to a factor) that is both.

    Reference: Banerjee, Merugu, Dhillon & Ghosh (2005), Clustering with Bregman divergences, JMLR 6.
    """
    p, q = (jnp.moveaxis(x, axis, -1) for x in pair("bregman_divergence", p, q, axis, where))
    (p, dtype), (q, _) = wide(p), wide(q)
    rows = [x.reshape(-1, x.shape[-1]) for x in (p, q, p - q)]
    return jax.vmap(lambda x, y, d: _excess(potential, x, y, d))(*rows).reshape(p.shape[:-1]).astype(dtype)


def _excess(f: Callable[[Array], Array], x: Array, y: Array, d: Array) -> Array:
    """f(x) − f(y) − f′(y) d ≥ 0 for x = y + d, also as ∫ (1 − t) d f″(y + t d) d dt."""
    end = f(x)
    start, gradient = jax.value_and_grad(f)(y)
    first = select(d == 0, 0.0, gradient * d)
    plain = end - start - jnp.sum(first)
    nodes, weights = jnp.asarray(NODES, y.dtype), jnp.asarray(BREGMAN_WEIGHTS, y.dtype)

    def second(t: Array) -> Array:
        _, along = jax.jvp(jax.grad(f), (y + t * d,), (d,))
        return jnp.sum(select(d == 0, 0.0, d * along))

    integral = jax.vmap(second)(nodes) @ weights
    # of the difference: of what is subtracted, and of x
    size = jnp.abs(end) + jnp.abs(start) + jnp.sum(jnp.abs(first)) + jnp.sum(select(d == 0, 0.0, jnp.abs(gradient * y)))
    excess = select(jnp.abs(integral - plain) <= 8 * jnp.finfo(y.dtype).eps * size, integral, plain)
    # what rounding takes below 0 is 0, with the derivative of the difference
    return excess + jax.lax.stop_gradient(select(excess < 0, -excess, 0.0))
