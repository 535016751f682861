"""Distribution functions and quantiles, over the rows of `tables`."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from tables import ROWS, UNOPTIMISED, Row, conditioning, frozen, upcast

import xentjax as xj

SCALAR = [row for row in ROWS if row.scalar and row.family is not xj.Categorical]
PROBABILITIES = np.array([1e-12, 1e-3, 0.2, 0.5, 0.8, 0.999, 1 - 1e-9])

over = functools.partial(pytest.mark.parametrize, "row", ids=str, scope="module")


@functools.partial(jax.jit, compiler_options=UNOPTIMISED)
def _tails(p: Any, x: jax.Array, probabilities: jax.Array) -> dict:
    def at(x: jax.Array) -> tuple:
        return p.log_cdf(x), p.log_survival(x)

    return {"tails": jax.vmap(at)(x), "quantiles": jax.vmap(p.quantile)(probabilities)}


@functools.partial(jax.jit, compiler_options=UNOPTIMISED)
def _derivatives(p: Any, x: jax.Array, probabilities: jax.Array, step: jax.Array) -> dict:
    flat, unravel = ravel_pytree(p)
    slope, density = jax.vmap(jax.grad(p.cdf))(x), jnp.exp(jax.vmap(p.log_prob)(x))
    in_parameters = jax.vmap(lambda x: jax.jacfwd(lambda v: unravel(v).cdf(x))(flat))(x)

    def shifted(k: int) -> jax.Array:
        moved = flat[None] + k * jnp.diag(step)
        return jax.vmap(lambda x: jax.vmap(lambda v: unravel(v).cdf(x))(moved))(x)

    # the central difference of fourth order
    difference = (8 * (shifted(1) - shifted(-1)) - (shifted(2) - shifted(-2))) / (12 * step[None])
    quantile = jax.vmap(lambda u: jax.jvp(lambda v: unravel(v).quantile(u), (flat,), (flat,)))
    return {
        "slope": (slope, density),
        "in parameters": (in_parameters, difference),
        "quantile": (*quantile(probabilities), jax.vmap(jax.grad(p.quantile))(probabilities)),
    }


@functools.cache
def places(row: Row) -> np.ndarray:
    """Points from one tail to the other: scipy's quantiles, or the mean and steps of deviations from it."""
    p = row.make("float64")
    if row.reference:
        return np.asarray(frozen(row, p).ppf(PROBABILITIES), float)
    return float(p.mean) + np.linspace(-3, 3, len(PROBABILITIES)) * float(p.variance) ** 0.5


@functools.cache
def tails(row: Row, dtype: str) -> dict:
    found = _tails(row.make(dtype), jnp.asarray(places(row), dtype), jnp.asarray(PROBABILITIES[1:-1], dtype))
    return jax.tree.map(lambda leaf: np.asarray(leaf, float), found)


def tolerance(row: Row, dtype: str) -> float:
    """A few dozen roundings, and what a rounding of the point is worth 7 deviations from the mean."""
    return float(jnp.finfo(dtype).eps) * (256 + 64 * conditioning(row))


@over([row for row in SCALAR if row.reference])
def test_distribution_functions_are_scipys(row: Row, dtype: str) -> None:
    p = row.make(dtype)
    reference, x = frozen(row, upcast(p)), places(row).astype(dtype).astype(float)
    with np.errstate(divide="ignore"):
        expected = np.log(reference.cdf(x)), np.log(reference.sf(x))
    for found, exact in zip(tails(row, dtype)["tails"], expected, strict=True):
        # scipy's own digits, of probabilities down to 1e-9; XLA takes denormal points as 0
        counts = (np.abs(x) > float(jnp.finfo(dtype).tiny)) & (exact > np.log(1e-9))
        allowed = (tolerance(row, dtype) + 1e-8) * (1e-8 + np.abs(exact))
        np.testing.assert_array_less(np.abs(found - exact)[counts], allowed[counts])


@over(SCALAR)
def test_tails_sum_to_one(row: Row, dtype: str) -> None:
    below, above = tails(row, dtype)["tails"]
    np.testing.assert_allclose(np.exp(below) + np.exp(above), 1.0, rtol=tolerance(row, dtype))
    assert (np.diff(np.exp(below)) >= 0).all()


@over(SCALAR)
def test_quantiles_invert(row: Row) -> None:
    p, x, probabilities = row.make("float64"), tails(row, "float64")["quantiles"], PROBABILITIES[1:-1]
    below = np.exp(_tails(p, jnp.asarray(np.pad(x, (0, 2), mode="edge")), jnp.asarray(probabilities))["tails"][0])[:-2]
    if not p.support.discrete:
        np.testing.assert_allclose(below, probabilities, rtol=tolerance(row, "float64"))
        return
    step = np.asarray(jax.jit(jax.vmap(p.cdf), compiler_options=UNOPTIMISED)(jnp.asarray(x - 1)))
    assert (below >= probabilities * (1 - 1e-12)).all()
    assert (step < probabilities).all()


@over([row for row in SCALAR if not row.make("float64").support.discrete])
def test_derivatives(row: Row) -> None:
    """The slope is the density; parameters by differences; a quantile moves so that its probability stays."""
    p = row.make("float64")
    x = tails(row, "float64")["quantiles"]
    flat, _ = ravel_pytree(p)
    step = 1e-4 * jnp.abs(flat)
    # a location moves by a part of the distribution's own scale
    if hasattr(p, "loc"):
        step = jnp.where(flat == p.loc, 1e-3 * p.coordinate()[1], step)
    found = _derivatives(p, jnp.asarray(x), jnp.asarray(PROBABILITIES[1:-1]), step)
    slope, density = found["slope"]
    np.testing.assert_allclose(slope, density, rtol=tolerance(row, "float64"))
    in_parameters, difference = (np.asarray(a) for a in found["in parameters"])
    flat = np.asarray(flat)
    # the difference errs by its step to the fourth power, and by roundings over the step
    scale = np.where(flat == 0, 1.0, np.abs(flat))
    np.testing.assert_allclose(in_parameters * scale, difference * scale, rtol=1e-7, atol=1e-10)
    quantile, moved, pace = (np.asarray(a) for a in found["quantile"])
    np.testing.assert_allclose(quantile, x, rtol=1e-14)
    np.testing.assert_allclose(pace * np.asarray(density), 1.0, rtol=tolerance(row, "float64"))
    if row.family is xj.Mixture:  # whose weights cannot move one by one
        return
    size = np.abs(in_parameters * flat).sum(1) / np.asarray(density)
    np.testing.assert_allclose(moved, -(in_parameters @ flat) / np.asarray(density), rtol=1e-9, atol=1e-9 * size.max())


@over([row for i, row in enumerate(SCALAR) if row.family not in {other.family for other in SCALAR[:i]}])
def test_ends(row: Row) -> None:
    p = row.make("float64")
    low, high = (float(end) for end in p.ends())
    far = jnp.asarray([low - 1 if np.isfinite(low) else -np.inf, high if np.isfinite(high) else np.inf, np.nan])
    found = jax.jit(jax.vmap(lambda x: (p.log_cdf(x), p.log_survival(x))), compiler_options=UNOPTIMISED)(far)
    np.testing.assert_array_equal(found[0], [-np.inf, 0.0, np.nan])
    np.testing.assert_array_equal(found[1], [0.0, -np.inf, np.nan])
    assert float(p.quantile(0.0)) == low
    assert float(p.quantile(1.0)) == high
    assert np.isnan(p.quantile(1.5))
