"""Identities of one distribution, over the rows of `tables`: mass, moments, entropy, derivatives."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from tables import (
    ROWS,
    Row,
    conditioning,
    ends,
    fitted,
    frozen,
    inside,
    num_points,
    outside,
    points,
    quadrature_rule,
    upcast,
)

import xentjax as xj
from xentjax.supports import CIRCLE

SCALAR = [row for row in ROWS if row.scalar]
VECTOR = [row for row in ROWS if not row.scalar]
CONTINUOUS = [row for row in SCALAR if not row.make("float64").support.discrete]
ORDINARY = [row for i, row in enumerate(ROWS) if row.family not in {other.family for other in ROWS[:i]}]
NO_ENTROPY = (xj.SkewNormal, xj.Mixture)
NO_MOMENTS = (xj.Cauchy,)

# all tests of a row one after the other: they share what is compiled and computed for it
over = functools.partial(pytest.mark.parametrize, "row", ids=str, scope="module")

# trapezoids across a kink err by jump · h² / 12; the jump of Laplace's density is 1 in units where h = 8.4 π/2 / 4096
KINK = 1e-6


def tolerance(row: Row, dtype: str) -> float:
    """A few dozen roundings, and what a rounding of the points or of their logarithms is worth; the kink's h²."""
    eps = float(jnp.finfo(dtype).eps)
    return eps * (64 + 8 * conditioning(row)) + KINK * (row.family is xj.Laplace)


def half_the_digits(row: Row, dtype: str) -> float:
    """What an optimiser or a standard error needs of a derivative, and more."""
    return float(jnp.finfo(dtype).eps) ** 0.5 + KINK * (row.family is xj.Laplace)


class At(NamedTuple):
    """log q and its derivatives in the parameters [k] and in the point, at points [n]."""

    value: np.ndarray
    score: np.ndarray
    slope: np.ndarray
    forward: np.ndarray  # the score by forward mode
    hessian: np.ndarray


class Places(NamedTuple):
    """Something at each of: quadrature points, points such as data, values of the support, others, NaN."""

    rule: np.ndarray | At
    typical: np.ndarray | At
    within: np.ndarray | At
    beyond: np.ndarray | At
    missing: np.ndarray | At


class Facts(NamedTuple):
    mean: np.ndarray
    variance: np.ndarray
    entropy: np.ndarray
    at: Places


mean_of = jax.jit(lambda p: p.mean)  # outside jit every operation is a program


@functools.cache
def places(row: Row, dtype: str) -> Places:
    p = upcast(row.make(dtype))
    if row.scalar:
        if row.reference:
            typical = frozen(row, p).ppf([0.001, 0.1, 0.5, 0.9, 0.999])
        else:
            middle = mean_of(p)
            typical = np.full(5, np.round(middle) if p.support.discrete else middle)
        parts = points(row, dtype)[0], typical, inside(p), outside(p), [np.nan]
    else:
        typical = frozen(row, p).rvs(5, random_state=0)
        beyond = -typical if row.family is xj.Dirichlet else np.full_like(typical, np.inf)
        parts = typical[:0], typical, typical, beyond, np.full_like(typical[:1], np.nan)
    # float32 cannot hold the farthest points of the rule; the sums leave them out
    return Places(*(np.clip(part, -1e30, 1e30) if i == 0 else np.asarray(part, dtype) for i, part in enumerate(parts)))


@jax.jit
def _facts(p: xj.Family, x: jax.Array) -> Facts:
    flat, unravel = ravel_pytree(p)
    derive = jax.value_and_grad(lambda v, x: unravel(v).log_prob(x), (0, 1))

    def at(x: jax.Array) -> At:
        (value, (score, slope)), push = jax.linearize(lambda v: derive(v, x), flat)
        forward, (hessian, _) = jax.vmap(push)(jnp.eye(flat.size, dtype=flat.dtype))
        return At(value, score, slope, forward, hessian)

    entropy = jnp.nan if isinstance(p, NO_ENTROPY) else xj.entropy(p)
    return Facts(p.mean, p.variance, entropy, jax.vmap(at)(x))


@functools.cache
def facts(row: Row, dtype: str, working: str = "") -> Facts:
    """Of the member whose parameters are rounded to `dtype`, computed in the precision `working`, here in float64."""
    working = working or dtype
    p = upcast(row.make(dtype)) if working == "float64" else row.make(dtype)
    where = places(row, dtype)
    found = _facts(p, jnp.asarray(np.concatenate(where), working))
    assert found.mean.dtype == found.variance.dtype == found.at.value.dtype == working
    found = jax.tree.map(lambda a: np.asarray(a, float), found)
    ends = np.cumsum([len(part) for part in where])
    parts = [At(*(a[end - len(part) : end] for a in found.at)) for part, end in zip(where, ends, strict=True)]
    return found._replace(at=Places(*parts))


def weighted(row: Row, dtype: str) -> tuple[np.ndarray, At]:
    """Weights of the rule's points, and what is at the points that float32 can hold."""
    x, weights = points(row, dtype)
    counts = (weights > 1e-30) & ((np.abs(x) > 10 * jnp.finfo(dtype).tiny) | (x == 0))
    return weights[counts], At(*(a[counts] for a in facts(row, dtype).at.rule))


def differentiated(row: Row) -> np.ndarray:
    """Which entries of the parameters a fit may move."""
    p = row.make("float64")
    return np.repeat(fitted(p), [leaf.size for leaf in jax.tree.leaves(p)])


# Mass, moments, entropy


@over(SCALAR)
def test_mass_is_one(row: Row) -> None:
    p = row.make("float64")
    error = abs(np.sum(quadrature_rule(p, num_points(p))[1]) - 1)
    assert error < tolerance(row, "float64")


@over([row for row in ORDINARY if row.family in (xj.Bernoulli, xj.Laplace, xj.Poisson)])
def test_the_default_number_of_points_holds_the_mass(row: Row, dtype: str) -> None:
    """So that `quadrature(p)` raises for none of these."""
    x, weights = quadrature_rule(row.make(dtype), 512)
    assert x.dtype == weights.dtype == dtype
    error = abs(np.sum(weights) - 1)
    assert error < 1e-6


@over([row for row in SCALAR if row.family in (xj.Gamma, xj.Normal) and row.parameters[0] >= 1000])
def test_quadrature_far_from_zero_in_float32(row: Row) -> None:
    """The rule's points round, so that a sum over them is no better than this; more points would not help."""
    error = abs(np.sum(quadrature_rule(row.make("float32"), 512)[1]) - 1)
    assert error < tolerance(row, "float32")


@over([row for row in SCALAR if row.family not in NO_MOMENTS])
def test_mean_and_variance(row: Row, dtype: str) -> None:
    x, weights = points(row, dtype)
    mean, variance = facts(row, dtype)[:2]
    if row.make(dtype).support == CIRCLE:  # of directions
        direction = weights @ np.exp(1j * x)
        center, spread = np.angle(direction), abs(np.sum(weights * (1 - np.exp(1j * (x - np.angle(direction))))))
        assert mean == pytest.approx(center, abs=tolerance(row, dtype) * max(1, variance**0.5 / abs(direction)))
        assert variance == pytest.approx(spread, rel=tolerance(row, dtype))
        return
    center = weights @ x
    assert mean == pytest.approx(center, abs=tolerance(row, dtype) * variance**0.5)
    # with 2.5 degrees of freedom what lies beyond the last point, 1e22, still holds 1e-11 of the variance
    tail = 1e-10 if row.family is xj.StudentT else 0.0
    assert variance == pytest.approx(weights @ (x - center) ** 2, rel=tolerance(row, dtype) + tail)


@over([row for row in SCALAR if row.family not in NO_ENTROPY])
def test_entropy_is_the_mean_of_minus_log_prob(row: Row, dtype: str) -> None:
    expected = -points(row, dtype)[1] @ facts(row, dtype, "float64").at.rule.value
    assert facts(row, dtype).entropy == pytest.approx(expected, abs=tolerance(row, dtype) * (1 + abs(expected)))


@over([row for row in ORDINARY if row.family in NO_ENTROPY])
def test_entropy_without_closed_form_names_the_way(row: Row) -> None:
    with pytest.raises(TypeError, match=r"entropy: found no closed form .*cross_entropy\(quadrature\(p\), p\)"):
        xj.entropy(row.make("float64"))


@over(VECTOR)
def test_moments_and_entropy_of_vectors_are_scipys(row: Row, dtype: str) -> None:
    found, reference = facts(row, dtype), frozen(row, row.make(dtype))
    normal = row.family is xj.MultivariateNormal
    mean, covariance = (reference.mean, reference.cov) if normal else (reference.mean(), reference.cov())
    eps = float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(found.mean, mean, rtol=4 * eps)
    np.testing.assert_allclose(found.variance, np.diagonal(covariance), rtol=8 * eps)
    # in float64 scipy subtracts log-gammas of 1e5
    assert found.entropy == pytest.approx(float(reference.entropy()), abs=tolerance(row, dtype) + 1e-9)


# Densities


@over([row for row in ROWS if row.reference])
def test_log_prob_is_scipys(row: Row, dtype: str) -> None:
    p = row.make(dtype)
    reference, x = frozen(row, p), places(row, dtype).typical.astype(float)
    if row.family is xj.Dirichlet:
        x /= x.sum(-1, keepdims=True)  # scipy insists on 1 to float64 rounding
    function = reference.logpmf if row.scalar and p.support.discrete else reference.logpdf
    expected = np.array([function(point) for point in x])
    # n x − a and log x − loc round as the points would; scipy itself subtracts terms of up to 1e7
    rounding = float(jnp.finfo(dtype).eps) * (16 + conditioning(row)) + 1e-8
    np.testing.assert_array_less(
        np.abs(facts(row, dtype).at.typical.value - expected), rounding * (1 + np.abs(expected))
    )


# Derivatives


@over(ROWS)
def test_derivatives_are_finite_in_the_support_and_zero_outside(row: Row, dtype: str) -> None:
    at = facts(row, dtype).at
    for values in (*at.within, *at.typical):
        assert np.isfinite(values).all()
    assert (at.beyond.value == -np.inf).all()
    for values in at.beyond[1:]:
        assert (values == 0).all()


@over(ROWS)
def test_nan_gives_nan(row: Row) -> None:
    assert np.isnan(facts(row, "float64").at.missing.value).all()
    leaves, structure = jax.tree.flatten(row.make("float64"))
    broken = structure.unflatten(
        jnp.full_like(a, jnp.nan) if m else a for a, m in zip(leaves, fitted(row.make("float64")), strict=True)
    )
    found = _facts(broken, jnp.asarray(np.concatenate(places(row, "float64"))))
    within = facts(row, "float64").at.rule.value.size + np.arange(5)
    assert np.isnan(found.at.value[within]).all()


@over(ROWS)
def test_forward_mode_is_reverse_mode(row: Row, dtype: str) -> None:
    at = facts(row, dtype).at.typical
    error = np.abs(at.score - at.forward) / (1 + np.abs(at.score).max(0))
    assert error.max() < half_the_digits(row, dtype)


@over([row for row in SCALAR if not getattr(row.family, "edges", ())])  # where the density does not vanish
def test_mean_score_is_zero(row: Row, dtype: str) -> None:
    weights, at = weighted(row, dtype)
    free = differentiated(row)
    mean = (weights @ at.score)[free]
    if row.family is xj.Mixture:
        mean[:2] -= 1  # its weights are not held to a sum of 1: ∂/∂w ∫ q = 1
    error = np.abs(mean) / np.sqrt(weights @ at.score[:, free] ** 2)
    assert error.max() < half_the_digits(row, dtype)


def kinked(row: Row) -> bool:
    """Whether the curvature sits in a kink of the density, or in its ends."""
    sharp = row.family is xj.GeneralizedNormal and row.parameters[2] <= 1
    return row.family in (xj.AsymmetricLaplace, xj.Laplace) or sharp or bool(getattr(row.family, "edges", ()))


@over([row for row in SCALAR if not kinked(row)])
def test_information_is_minus_the_mean_hessian(row: Row, dtype: str) -> None:
    weights, at = weighted(row, dtype)
    information = np.einsum("n,ni,nj->ij", weights, at.score, at.score)
    unit = np.sqrt(np.outer(np.diagonal(information), np.diagonal(information)))
    # a mean is known to the rounding of its terms, which near the Poisson and the normal limit are 1e6 times larger
    rounding = 64 * float(jnp.finfo(dtype).eps) * np.einsum("n,nij->ij", weights, np.abs(at.hessian))
    if row.family is xj.ConwayMaxwellPoisson:  # whose terms, logarithms of size rate, are known to eps · rate
        rounding *= row.parameters[0]
    if row.family is xj.NegativeBinomial:  # whose second derivative in 1 / r is a difference of terms r times larger
        rounding /= min(row.parameters[1], 1.0)
    if row.family is xj.BetaBinomial:  # likewise, of terms alpha times larger
        rounding *= max(row.parameters[1], 1.0)
    error = np.abs(np.einsum("n,nij->ij", weights, at.hessian) + information)
    free = np.ix_(differentiated(row), differentiated(row))
    assert (error < half_the_digits(row, dtype) * unit + rounding)[free].all()


@over(CONTINUOUS)
def test_slope_in_the_point_obeys_steins_identity(row: Row) -> None:
    """E[g′(x) + g(x) ∂ₓ log q(x)] = 0 for g that vanishes fast enough at the ends."""
    x, weights = points(row, "float64")
    # g vanishes at the ends where the density does not
    g, slope = np.ones_like(x), np.zeros_like(x)
    for end in ends(row.make("float64")):
        if np.isfinite(end):
            g, slope = g * (x - end), slope * (x - end) + g
    if (slope == 0).all():
        g, slope = x, np.ones_like(x)
    if row.make("float64").support == CIRCLE:  # periodic
        g, slope = np.sin(x), np.cos(x)
    terms = g * facts(row, "float64").at.rule.slope
    # far from an end g is large; the sum is known to the rounding of its terms
    error = abs(weights @ (slope + terms)) / max(1.0, weights @ np.abs(terms))
    # the log of a mixture has poles near the axis, which slow the rule down
    poles = 1e-10 if row.family is xj.Mixture else 0.0
    assert error < tolerance(row, "float64") + poles
