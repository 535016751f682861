"""Nodes and weights of quadrature rules: Gauss–Legendre on a stretch, and one for the real line."""

import functools
import math

import jax.numpy as jnp
import numpy as np
from jax import Array

# Eight Gauss–Legendre nodes on [0, 1] and their weights, of which NumPy's have an error of 8e-15.
NODES = np.array([0.019855071751231884, 0.10166676129318664, 0.2372337950418355, 0.4082826787521751,
                  0.5917173212478249, 0.7627662049581645, 0.8983332387068134, 0.9801449282487681])  # fmt: skip
WEIGHTS = np.array([0.05061426814518813, 0.11119051722668724, 0.15685332293894364, 0.18134189168918100,
                    0.18134189168918100, 0.15685332293894364, 0.11119051722668724, 0.05061426814518813])  # fmt: skip
# F(a + d) − F(a) − d F′(a) is the integral of (1 − t) d² F″(a + t d) over [0, 1].
BREGMAN_WEIGHTS = WEIGHTS * (1 - NODES)


@functools.cache
def legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes on [0, 1] and their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return 0.5 + 0.5 * nodes, 0.5 * weights


def unit_nodes(x: Array, count: int) -> tuple[Array, Array]:
    """Nodes on [0, 1], along a new last axis of x, and their weights."""
    nodes, weights = (jnp.asarray(v, x.dtype) for v in legendre(count))
    return nodes.reshape((1,) * x.ndim + (-1,)), weights


def stretch_nodes(width: Array, count: int = 32) -> tuple[Array, Array]:
    """Nodes on [0, width] and their weights, on a last axis.

    For exp(−40 t) and exp(−40 t²) on [0, 1] 32 leave less than 1e-14; a peak in the middle needs more.
    """
    nodes, weights = unit_nodes(width, count)
    return width[..., None] * nodes, width[..., None] * weights.reshape(nodes.shape)


def cut_depth(x: Array) -> float:
    """Integrands are cut where they are below exp(−depth): in second moments the rest is below the rounding error."""
    return 4 - math.log(jnp.finfo(x.dtype).eps)


def real_line(num_points: int, dtype: jnp.dtype) -> tuple[Array, Array]:
    """Nodes and weights [num_points] on the real line, for functions of unit width at 0 and tails of any weight.

    The trapezoidal rule after t = sinh(½π sinh u): it converges exponentially for analytic functions, algebraic tails
    included. Reference: Takahasi & Mori (1974), Double exponential formulas for numerical integration.
    """
    # beyond |u| = 4.2 the node is past 1e22: even a tail of t^-1.7 has then no weight in double precision
    u, step = jnp.linspace(-4.2, 4.2, num_points, dtype=dtype, retstep=True)
    inner = 0.5 * jnp.pi * jnp.sinh(u)
    return jnp.sinh(inner), step * jnp.cosh(inner) * 0.5 * jnp.pi * jnp.cosh(u)
