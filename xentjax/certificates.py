"""Certificates: the derivatives at a point, how far above the minimum it is, and the step that they suggest.

The gap is the Newton decrement ½ gᵀ H⁻¹ g: an estimate, in the units of the objective, of what is still to be gained.
It does not depend on the parametrisation, and it is measurable far below the rounding of the objective itself.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from xentjax._select import select

# Up to this many parameters the Hessian is formed and decomposed; past it, conjugate gradients use its products.
DENSE_LIMIT = 64


class Certificate(NamedTuple):
    """A point of the unconstrained space with the derivatives there, and the Newton step that they suggest."""

    point: Array
    value: Array
    gradient: Array
    gap: Array
    step: Array  # saddle-free Newton step, not limited
    forms: Array  # [3]: g·step, step·H·step and step·|H|·step; together, as each would be a kernel of its own
    convex: Array
    firm: Array  # whether the curvature along every direction is far above rounding
    full: Array  # the Newton step without any limit
    hessian: Any
    flat: Any = None  # past `DENSE_LIMIT`, at the end: the coordinates [m] that the data do not determine

    @property
    def slope(self) -> Array:
        """g·step."""
        return self.forms[0]

    @property
    def bend(self) -> Array:
        """step·H·step."""
        return self.forms[1]

    @property
    def length(self) -> Array:
        """√(step·|H|·step), in units of √nats."""
        return jnp.sqrt(self.forms[2])


def gap_tolerance(tol: Any, dtype: Any) -> Array:
    """The gap to reach, in nats."""
    eps = float(jnp.finfo(dtype).eps)
    return jnp.asarray((eps if eps > 1e-10 else 1e-12) if tol is None else tol, dtype)


def unseen(dtype: Any) -> Array:
    """The gap, the square of the strictest tolerance, at which a step needs no evaluation.

    What it gains is far below the rounding of the value, and it leaves a dozen digits of the Hessian as they are.
    """
    return gap_tolerance(None, dtype) ** 2


def certify(objective: Callable[[Any], Array], point: Array, unravel: Callable, radius: Array) -> Certificate:
    """Value, gap and Newton step at a point; one evaluation of the objective with its derivatives."""
    if point.shape[0] > DENSE_LIMIT:
        return _certify_by_products(objective, point, unravel)
    value, gradient, hessian = second_order(objective, point, unravel)
    # along a flat direction the radius, measured by curvature, allows any distance; ten e-folds are enough at once
    reach = 10 + 10 * jnp.abs(point)
    gap, step, forms, convex, firm, full = _saddle_free_step(gradient, hessian, radius, reach)
    k = jnp.minimum(1.0, jnp.min(reach / jnp.maximum(jnp.abs(step), 1)))
    forms = forms * jnp.stack([k, k * k, k * k])
    return Certificate(point, value, gradient, gap, k * step, forms, convex, firm, full, hessian)


def second_order(objective: Callable[[Any], Array], point: Array, unravel: Callable) -> tuple[Array, Array, Array]:
    """Value, gradient [m] and Hessian [m, m]; an objective that sums over blocks knows a better way of its own."""
    own = getattr(objective, "second_order", None)
    if own is not None:
        return own(point, unravel)
    value_and_grad = jax.value_and_grad(lambda x: objective(unravel(x)))
    (value, gradient), tangent = jax.linearize(value_and_grad, point)
    _, hessian = jax.vmap(tangent)(jnp.eye(point.shape[0], dtype=point.dtype))
    return value, gradient, hessian


def _saddle_free_step(g: Array, hessian: Array, radius: Array, reach: Array) -> tuple[Array, ...]:
    """Gap, step, its forms, whether the Hessian is convex to rounding and firm, and the step without limits.

    Every loop of a fit has this in it, and each vector or scalar that is used twice is a kernel to compile and to call:
    hence the quotients taken once, and the products and the sums made together.
    """
    eps = jnp.finfo(g.dtype).eps
    # unit diagonal first: the decomposition is then as accurate for parameters of any units
    diagonal = jnp.abs(diagonal_of(hessian))
    unit = _units(g, hessian, diagonal, reach)
    inverse = 1 / unit
    values, vectors = symmetric_eigen(hessian * inverse[:, None] * inverse[None, :])
    slopes = (g * inverse) @ vectors
    largest = jnp.max(jnp.abs(values))
    size = select(largest > 0, jnp.maximum(jnp.abs(values), eps * g.shape[0] * largest), 1.0)
    ratio = slopes / size
    decrements = 0.5 * slopes * ratio
    # downhill along negative curvature by at least a tenth of the radius: a saddle's gradient is no reason to stay
    concave = values < -(eps**0.5)
    least = select(concave, 0.1 * radius / jnp.sqrt(size), 0.0)
    # a direction that leads far and promises less than rounding is left alone: its slope and curvature are noise
    far = jnp.any(jnp.abs(vectors * ratio[None, :]) > (0.01 * unit * reach)[:, None], 0)
    idle = ~concave & (decrements < eps) & far
    length = select(idle, 0.0, jnp.maximum(jnp.abs(ratio), least))
    coordinates = select(slopes < 0, length, -length)
    squares = coordinates * coordinates
    moved, full = (vectors @ jnp.stack([coordinates, -ratio], -1)).T
    # while others lead further, a part that is rounding waits: it would push a median off the kink that is its maximum
    rounding = (jnp.abs(moved) <= 8 * eps) & (jnp.max(jnp.abs(moved)) > eps**0.75)
    step = select(rounding, 0.0, moved) * inverse
    forms = jnp.sum(jnp.stack([slopes * coordinates, values * squares, size * squares]), -1)
    # so that no direction counts as flat, however the diagnosis scales the matrix
    firm = jnp.min(jnp.abs(values)) > g.shape[0] * eps**0.5 * largest
    # an infinite derivative is no certificate
    single = jnp.max(0.5 * g * g / (diagonal + jnp.abs(g) + jnp.finfo(g.dtype).tiny))  # never more than the whole
    gap = select(jnp.isfinite(jnp.sum(diagonal)), jnp.maximum(jnp.sum(decrements), single), jnp.nan)
    return gap, step, forms, ~jnp.any(concave), firm, full * inverse


def diagonal_of(matrix: Array) -> Array:
    """The diagonal [m] of a matrix [m, m], as a slice: `jnp.diagonal` gathers, in kernels of its own."""
    return matrix.reshape(-1)[:: matrix.shape[0] + 1]


def _units(g: Array, hessian: Array, diagonal: Array, reach: Array) -> Array:
    """A scale for each coordinate: the root of its curvature; where there is none, what its couplings need, or a
    curvature that would stop within reach."""
    root = jnp.sqrt(diagonal)
    # one that costs less than rounding within reach is none
    root = select(root * reach < jnp.finfo(g.dtype).eps ** 0.5, 0.0, root)
    coupling = jnp.abs(hessian)
    scaled = coupling / select(root > 0, root, 1.0)[None, :]
    coupling = select((root > 0)[None, :], scaled, jnp.sqrt(coupling))
    # a positive definite matrix has couplings below the root, so that only others are changed
    least = jnp.sqrt(jnp.abs(g) / reach + jnp.finfo(g.dtype).tiny)
    unit = jnp.maximum(jnp.maximum(root, jnp.max(coupling, -1)), least)
    # a coordinate without curvature is not to blow up the rounding of its couplings
    return select(root > 0, unit, jnp.maximum(unit, jnp.finfo(g.dtype).eps ** 0.5 * jnp.max(unit)))


def symmetric_eigen(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues and vectors of a symmetric matrix; up to 2 by 2 by formula, which batches and compiles well."""
    size = matrix.shape[0]
    if size == 1:
        return matrix[0], jnp.ones_like(matrix)
    if size > 2:
        symmetric = 0.5 * (matrix + matrix.T)
        return tuple(jnp.linalg.eigh(symmetric, symmetrize_input=False))
    a, b, c = matrix[0, 0], 0.5 * (matrix[0, 1] + matrix[1, 0]), matrix[1, 1]
    # the rotation of Jacobi's method: t solves t² + 2 θ t − 1 = 0, the smaller root
    safe = select(b == 0, 1.0, b)
    theta = (c - a) / (2 * safe)
    t = select(theta < 0, -1.0, 1.0) / (jnp.abs(theta) + jnp.sqrt(theta * theta + 1))
    t = select(b == 0, 0.0, t)
    cosine = 1 / jnp.sqrt(1 + t * t)
    sine = t * cosine
    vectors = jnp.stack([jnp.stack([cosine, sine]), jnp.stack([-sine, cosine])])
    return jnp.stack([a - t * b, c + t * b]), vectors


def products(
    objective: Callable[[Any], Array], point: Array, unravel: Callable
) -> tuple[Array, Array, Callable, Callable]:
    """Value, gradient [m], the Hessian as a function of what it multiplies [m], and what knows its rough inverse.

    The last takes the diagonal [m] of a term that is added to the objective, and returns a function as well. An
    objective that knows its predictors knows a better way of its own.
    """
    own = getattr(objective, "products", None)
    return linearized(objective, point, unravel) if own is None else own(point, unravel)


# Products that tell the sizes of the rows of a matrix.
PROBES = 8


def row_sizes(product: Callable[[Array], Array], point: Array) -> Array:
    """The lengths [m] of the rows of a matrix [m, m], roughly, by its products with random signs."""
    signs = jax.random.rademacher(jax.random.key(0), (PROBES, *point.shape), point.dtype)
    return jnp.sqrt(jnp.mean(jax.vmap(product)(signs) ** 2, 0))


# Rounds that make the rows equal, and the most conjugate gradients, of `undetermined`.
ROUNDS, LONGEST = 6, 500


def undetermined(objective: Callable[[Any], Array], point: Array, unravel: Callable) -> Array:
    """The coordinates [m] with a part in a direction whose curvature is rounding, by products alone.

    Of a random vector v, the solution x of H x = H v lacks what H does not see: v − x is the part of v in the null
    space of H. Where the conjugate gradients do not get there, v − x has a curvature, and nothing is said.
    """
    _, _, product, rough = products(objective, point, unravel)
    eps, inverse = jnp.finfo(point.dtype).eps, rough(jnp.zeros_like(point))

    def in_units(unit: Array) -> Callable[[Array], Array]:
        return lambda vector: product(vector / unit) / unit

    def equilibrated(_: Array, unit: Array) -> Array:
        rows = row_sizes(in_units(unit), point)
        return unit * jnp.sqrt(select(rows > 0, rows, 1.0))

    # rows of size 1, for parameters of any units
    unit = jax.lax.fori_loop(0, ROUNDS, equilibrated, jnp.ones_like(point))
    scaled = in_units(unit)
    v = jax.random.normal(jax.random.key(1), point.shape, point.dtype)
    x, _ = jax.scipy.sparse.linalg.cg(
        scaled, scaled(v), tol=float(eps) ** 0.6, maxiter=LONGEST, M=lambda r: unit * inverse(unit * r)
    )
    left = v - x
    size = jnp.max(jnp.abs(left))
    bent = jnp.abs(left @ scaled(left)) > 2 * point.shape[0] * eps * (left @ left)
    return ~bent & (size > eps**0.25) & (jnp.abs(left) > 0.1 * size)


def linearized(objective: Callable[[Any], Array], point: Array, unravel: Callable) -> tuple:
    """`products` of any objective; its rough inverse is the identity."""
    (value, gradient), tangent = jax.linearize(jax.value_and_grad(lambda x: objective(unravel(x))), point)
    return value, gradient, lambda vector: tangent(vector)[1], lambda added: lambda vector: vector


def _certify_by_products(objective: Callable[[Any], Array], point: Array, unravel: Callable) -> Certificate:
    """As `certify`, with the Newton step by preconditioned conjugate gradients: only products are needed."""
    value, g, product, rough = products(objective, point, unravel)
    inverse = rough(jnp.zeros_like(point))
    tiny = jnp.finfo(g.dtype).tiny
    first = -inverse(g)
    squared = -g @ first
    norm = jnp.sqrt(squared)
    # far off a rough step is as good; close by the steps converge superlinearly, and the gap is known to a part in 1e3
    goal = norm * jnp.clip(jnp.sqrt(norm), 1e-3, 0.3)

    def unfinished(state: tuple) -> Array:
        *_, squared, count, convex = state
        return (jnp.sqrt(squared) > goal) & (count < 2 * point.shape[0]) & convex

    def iterate(state: tuple) -> tuple:
        step, residual, direction, squared, count, _ = state
        bent = product(direction)
        curvature = direction @ bent
        convex = curvature > 0
        # along negative curvature: downhill by the scale of the gradient, then stop
        rate = squared / select(convex, curvature, jnp.maximum(jnp.abs(curvature), tiny))
        forward = select(convex | (count == 0), rate, 0.0)
        step, residual = step + forward * direction, residual - forward * bent
        towards = inverse(residual)
        new = residual @ towards
        return step, residual, towards + new / jnp.maximum(squared, tiny) * direction, new, count + 1, convex

    start = (jnp.zeros_like(g), -g, first, squared, 0, jnp.asarray(True))
    step, residual, *_, convex = jax.lax.while_loop(unfinished, iterate, start)
    # a gradient of 0 says nothing about the curvature: along some direction it is looked at
    probe = jnp.cos(jnp.arange(g.shape[0], dtype=g.dtype))
    bent = product(probe)
    convex = convex & (probe @ bent >= -(jnp.finfo(g.dtype).eps ** 0.5) * jnp.sum(jnp.abs(bent)))
    # H step = −g − residual, so step·H·step needs no further product
    slope, bend = g @ step, -(g + residual) @ step
    gap = select(jnp.isfinite(slope), 0.5 * jnp.abs(slope), jnp.nan)
    forms = jnp.stack([slope, bend, jnp.abs(bend)])
    return Certificate(point, value, g, gap, step, forms, convex, jnp.asarray(False), step, None)
