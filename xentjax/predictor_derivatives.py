"""Derivatives of a regression's cross-entropy by way of its predictors.

A point's term depends on the coefficients through its few predictors η alone, and on the constants c. Its derivatives
in (η, c) are cheap, whatever the number of coefficients; and since η is linear in the coefficients, the Hessian in
them is the sum of Zᵀ W Z, a product of matrices for each block of points and pair of predictors.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xentjax._select import select
from xentjax.parameters import places
from xentjax.sources import Empirical, numbers_per_point

# The rows of a block, their designs and the products with weights should stay in the second-level cache.
BLOCK = 1024

# Products keep a matrix of (η, c) by (η, c) for each point: of no more than this many times the numbers of the point.
WIDEST = 8


class _Part(NamedTuple):
    """A predictor: η [copies · rows], by coefficients [copies, k] of one design [rows, k].

    A vector of logits has copies of one row; alternatives with common coefficients are the rows of one copy. Constants
    are copies too, with the design 1, and have no name.
    """

    name: str
    shapes: dict[str, tuple[int, ...]]  # of the coordinates of one copy, or of constants
    places: np.ndarray  # of the coefficients among all coordinates
    rows: int


class ByPredictors:
    """The derivatives of a regression's cross-entropy at a point whose coordinates have names."""

    def __init__(self, constrain: Callable[[Any], Any], source: Empirical, point: Array, unravel: Callable) -> None:
        self.constrain, self.source, self.point, self.unravel = constrain, source, point, unravel
        self.free, x = unravel(point), jax.tree.map(lambda column: column[0], source.data[0])
        self.parts = _parts(constrain(self.free), self.free, x)
        ends = np.cumsum([0, *(part.rows * len(part.places) for part in self.parts)])
        self.spans = [slice(begin, end) for begin, end in itertools.pairwise(ends)]
        self.width = int(ends[-1])
        self.keeps_products = self.width**2 <= WIDEST * numbers_per_point(source.data)
        # from parts one after the other to the order of the point
        self.order = np.argsort(np.concatenate([part.places.ravel() for part in self.parts]))

    def second_order(self) -> tuple[Array, Array, Array]:
        """Value, gradient [m] and Hessian [m, m]."""

        def sums(points: Any, weights: Array) -> tuple[Array, Array, Array]:
            value, slope, bend, designs = self._of_block(points, weights)
            rows = [
                jnp.concatenate([_between(a, bend[:, i, j], b) for b, j in zip(designs, self.spans, strict=True)], 1)
                for a, i in zip(designs, self.spans, strict=True)
            ]
            return value, self._gradient(designs, slope), jnp.concatenate(rows)

        value, gradient, hessian = self._divided(self.source.reduce(sums, BLOCK))
        return value, gradient, hessian[self.order][:, self.order]

    def products(self) -> tuple[Array, Array, Callable, Callable]:
        """Value, gradient [m], the Hessian's product and its rough inverse: see `certificates.products`.

        Each point's Hessian in (η, c), and a copy of the covariates about their centers, are kept as long as these are
        used: one Newton step. The rough inverse is that of the diagonal blocks, one for each copy's coefficients.
        """

        def sums(points: Any, weights: Array) -> tuple[tuple, Array]:
            value, slope, bend, designs = self._of_block(points, weights)
            blocks = [_within(design, bend[:, i, i]) for design, i in zip(designs, self.spans, strict=True)]
            return (value, self._gradient(designs, slope), blocks), bend

        (value, gradient, blocks), bend = self._divided(self.source.reduce_and_keep(sums, BLOCK))
        x = self.source.data[0]
        _, push = jax.linearize(lambda v: jax.vmap(lambda x: self._values(self.unravel(v), x))(x), self.point)
        pull = jax.linear_transpose(push, self.point)

        def product(vector: Array) -> Array:
            return pull(jnp.einsum("nrs,ns->nr", bend, push(vector)))[0]

        def rough(added: Array) -> Callable[[Array], Array]:
            solvers = [_solver(block, added[part.places]) for block, part in zip(blocks, self.parts, strict=True)]

            def inverse(vector: Array) -> Array:
                pairs = zip(solvers, self.parts, strict=True)
                return jnp.concatenate([solve(vector[part.places]).ravel() for solve, part in pairs])[self.order]

            return inverse

        return value, gradient, product, rough

    def _of_block(self, points: Any, weights: Array) -> tuple[Array, Array, Array, list[Array]]:
        """The sum of the terms of a block, the gradient and Hessian in (η, c) of each, and the designs."""
        # a point of weight 0 is removed, even where the model excludes it
        value, slope, bend = (_weighted(leaf, weights) for leaf in jax.vmap(self._of_point)(points))
        return jnp.sum(value), slope, bend, jax.vmap(self._designs)(points[0])

    def _divided(self, sums: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf / self.source.total.astype(leaf.dtype), sums)

    def _gradient(self, designs: list[Array], slope: Array) -> Array:
        pairs = zip(designs, self.spans, strict=True)
        return jnp.concatenate([_through(design, slope[:, span]) for design, span in pairs])[self.order]

    def _values(self, free: dict[str, Array], x: Any) -> Array:
        """(η, c) at the covariates of one observation."""
        predictors = self.constrain(free).predictors
        etas = [predictors[part.name](x) for part in self.parts if part.name]
        constants = [free[key] for part in self.parts if not part.name for key in part.shapes]
        return jnp.concatenate([jnp.ravel(value) for value in [*etas, *constants]])

    def _designs(self, x: Any) -> list[Array]:
        """The design [rows, k] of each part at the covariates of one observation."""

        def of_part(part: _Part) -> Array:
            if not part.name:
                return jnp.ones((1, 1), self.point.dtype)

            def first(row: dict[str, Array]) -> Array:
                return jnp.ravel(self.constrain(self.free | row).predictors[part.name](x))[: part.rows]

            slopes = jax.jacrev(first)(_split(self.point[part.places[0]], part.shapes))
            return jnp.concatenate([slopes[key].reshape(part.rows, -1) for key in part.shapes], 1)

        return [of_part(part) for part in self.parts]

    def _of_point(self, point: Any) -> tuple[Array, Array, Array]:
        """−log q at a point, its gradient and Hessian in (η, c)."""
        predictions = self.constrain(self.free).predictions(point[0])

        def term(values: Array) -> Array:
            given, constants = dict(predictions), {}
            for part, span in zip(self.parts, self.spans, strict=True):
                if part.name:
                    given[part.name] = values[span].reshape(jnp.shape(given[part.name]))
                else:
                    constants = _split(values[span], part.shapes)
            found = -self.constrain(self.free | constants).log_prob_given(given, point)
            if found.ndim:
                raise ValueError(
                    f"fit: found a log-density of shape {found.shape} for one pair (x, y), but a scalar is needed; "
                    "give one response for each observation: y.ravel() for a family of numbers, a label for a "
                    "Categorical."
                )
            return found

        def value_and_slope(values: Array) -> tuple[Array, tuple[Array, Array]]:
            value, slope = jax.value_and_grad(term)(values)
            return slope, (value, slope)

        bend, (value, slope) = jax.jacfwd(value_and_slope, has_aux=True)(self._values(self.free, point[0]))
        return value, slope, bend


def _parts(model: Any, free: dict[str, Array], x: Any) -> list[_Part]:
    """The predictors of which a coefficient is free, in the order of the model, and then the constants."""
    place = places(free)
    shapes = {key: found.shape for key, found in place.items()}
    parts = []
    for name, predictor in model.predictors.items():
        own = {key: shapes.pop(key) for key in list(shapes) if key.startswith(f"{name}.")}
        if own:
            size, copied = predictor(x).size, jnp.shape(predictor(x)) if predictor.has_own_coefficients(x) else ()
            copies = int(np.prod(copied))
            columns = np.concatenate([place[key].reshape(copies, -1) for key in own], 1)
            one = {key: shape[len(copied) :] for key, shape in own.items()}
            parts.append(_Part(name, one, columns, size // copies))
    if shapes:
        parts.append(_Part("", shapes, np.concatenate([place[key].reshape(-1, 1) for key in shapes]), 1))
    return parts


def _split(values: Any, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Numbers [m] by name."""
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes.values())])
    pieces = zip(shapes.items(), itertools.pairwise(ends), strict=True)
    return {key: values[begin:end].reshape(shape) for (key, shape), (begin, end) in pieces}


def _weighted(leaf: Array, weights: Array) -> Array:
    weights = weights.reshape((-1,) + (1,) * (leaf.ndim - 1))
    return select(weights == 0, 0.0, weights.astype(leaf.dtype) * leaf)


def _through(design: Array, slope: Array) -> Array:
    """Σ Zᵀ slope over the points of a block, for one copy after the other."""
    slope = slope.reshape(len(design), -1, design.shape[1])
    return jnp.einsum("bqk,biq->ik", design, slope).ravel()


def _between(a: Array, bend: Array, b: Array) -> Array:
    """Σ Aᵀ bend B over the points of a block, for all pairs of copies."""
    bend = bend.reshape(len(a), -1, a.shape[1], bend.shape[2] // b.shape[1], b.shape[1])
    found = jnp.einsum("bqk,biqjs,bsl->ikjl", a, bend, b)
    return found.reshape(found.shape[0] * found.shape[1], -1)


def _within(design: Array, bend: Array) -> Array:
    """Σ Zᵀ bend Z over the points of a block, for each copy: [copies, k, k]."""
    rows = design.shape[1]
    copies = bend.shape[1] // rows
    bend = jnp.einsum("biqis->biqs", bend.reshape(len(design), copies, rows, copies, rows))
    return jnp.einsum("bqk,biqs,bsl->ikl", design, bend, design)


def _solver(blocks: Array, added: Array) -> Callable[[Array], Array]:
    """The inverse of blocks [copies, k, k] with `added` [copies, k] on their diagonals, as a function of [copies, k].

    A block that is not positive definite counts as its diagonal.
    """
    eye = jnp.eye(blocks.shape[-1], dtype=blocks.dtype)[None]
    blocks = blocks + added[..., None] * eye
    diagonal = jnp.abs(jnp.diagonal(blocks, axis1=1, axis2=2))
    unit = jnp.sqrt(select(diagonal > 0, diagonal, 1.0))[..., None]
    # a column of zeros, and columns that depend on one another, need a little more than nothing
    more = jnp.finfo(blocks.dtype).eps ** 0.5 * eye
    factor = jnp.linalg.cholesky(blocks / unit / jnp.swapaxes(unit, 1, 2) + more)
    factor = select(jnp.all(jnp.isfinite(factor), (1, 2), keepdims=True), factor, eye)
    return lambda vectors: (jax.scipy.linalg.cho_solve((factor, True), vectors[..., None] / unit) / unit)[..., 0]
