"""The Hurwitz zeta function."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient

# Euler–Maclaurin: terms summed as they are, and B_2j / (2j)! of the corrections
_DIRECT = 12
_CORRECTIONS = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600,
                -3617 / 10670622842880000]  # fmt: skip


@jax.jit
def log_hurwitz_zeta(s: Array, q: Array) -> Array:
    """log ζ(s, q) = log Σ (q + n)^−s over n = 0, 1, ..., for 1 < s ≤ 100 and q > 0.

    Terms are relative to q^−s with that q held fixed, so that in q they are differentiated as they stand, also the tail
    w^(1 − s) / (s − 1), which nearly does not depend on w when s is near 1.
    """
    fixed = stop_gradient(q)
    n = jnp.arange(_DIRECT + 1, dtype=q.dtype).reshape((1,) * q.ndim + (-1,))
    logs = jnp.log1p(((q - fixed)[..., None] + n) / fixed[..., None])
    powers = jnp.exp(-s[..., None] * logs)
    log_w, w = logs[..., -1], q + _DIRECT
    series, factor = jnp.full_like(w, 0.5), s / w
    for j, c in enumerate(_CORRECTIONS, 1):
        series = series + c * factor
        factor = factor * ((s + (2 * j - 1)) / w) * ((s + 2 * j) / w)
    tail = fixed * jnp.exp((1 - s) * log_w) / (s - 1)
    # beside the first term, which is 1: at q = 1 and a large s the logarithm is as small as the others
    others = jnp.sum(powers[..., 1:-1], -1) + tail + powers[..., -1] * series + jnp.expm1(-s * logs[..., 0])
    return jnp.log1p(others) - s * jnp.log(fixed)
