"""Distributions of vectors and matrices: densities and entropies are scipy's, averages over samples are the mean."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st
from jax.flatten_util import ravel_pytree
from tables import upcast

import xentjax as xj

NUM_SAMPLES = 4000
MATRIX, OTHER = np.array([[2.0, 0.3], [0.3, 0.5]]), np.array([[1.5, 0.1], [0.1, 0.6]])


class Case(NamedTuple):
    """A member of a family, another, scipy's distribution of a member, and a point that is no value."""

    p: Any
    q: Any
    reference: Callable[[Any], Any]
    outside: Any


def _gammas(p: Any) -> Any:
    c = p.component
    return st.gamma(np.asarray(c.concentration, float), scale=1 / np.asarray(c.rate, float))


def _array(a: Any) -> np.ndarray:
    return np.asarray(a, float)


def _probs(p: Any) -> np.ndarray:
    return _array(p.probs) / _array(p.probs).sum()  # scipy insists on 1 to float64 rounding


def _sphere(p: Any) -> Any:
    length = np.linalg.norm(_array(p.natural))
    return st.vonmises_fisher(_array(p.natural) / length, length)


CASES = {
    "Independent": Case(
        xj.Independent(xj.Gamma(jnp.array([2.0, 3.5]), jnp.array([1.0, 0.5]))),
        xj.Independent(xj.Gamma(jnp.array([1.5, 3.0]), jnp.array([1.2, 0.4]))),
        _gammas,
        [1.0, -1.0],
    ),
    "Multinomial": Case(
        xj.Multinomial(7, jnp.array([0.5, 0.2, 0.3])),
        xj.Multinomial(7, jnp.array([0.3, 0.3, 0.4])),
        lambda p: st.multinomial(7, _probs(p)),
        [3.0, 3.0, 0.0],  # of another total
    ),
    "MultivariateStudentT": Case(
        xj.MultivariateStudentT(9.0, jnp.array([0.5, -1.0]), MATRIX),
        xj.MultivariateStudentT(7.0, jnp.array([0.0, -0.5]), OTHER),
        lambda p: st.multivariate_t(_array(p.loc), _array(p.scale_matrix), float(p.df)),
        [np.inf, 0.0],
    ),
    "VonMisesFisher": Case(
        xj.VonMisesFisher(jnp.array([1.0, -2.0, 0.5])),
        xj.VonMisesFisher(jnp.array([0.2, -1.0, 1.5])),
        _sphere,
        [1.0, 1.0, 0.0],
    ),
    "Wishart": Case(
        xj.Wishart(5.0, MATRIX),
        xj.Wishart(6.5, OTHER),
        lambda p: st.wishart(float(p.df), _array(p.scale)),
        [[1.0, 2.0], [2.0, 1.0]],
    ),
}

each = pytest.mark.parametrize("name", CASES)


def rounded(p: Any, dtype: str) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), p)


@functools.cache
def samples(name: str) -> np.ndarray:
    draw = jax.jit(lambda p, key: p.sample(key, (NUM_SAMPLES,)))
    return np.asarray(draw(rounded(CASES[name].p, "float64"), jax.random.key(5)))


def five_errors(values: np.ndarray) -> np.ndarray:
    """Five standard errors of a mean: one in two million."""
    return 5 * values.std(0) / np.sqrt(len(values))


@jax.jit
def jets(p: Any, x: jax.Array) -> tuple:
    """log q, and its gradients in the parameters that move and in the point, at points."""

    def log_prob(p: Any, x: jax.Array) -> jax.Array:
        return p.log_prob(x)

    return jax.vmap(log_prob, (None, 0))(p, x), jax.vmap(jax.grad(log_prob, (0, 1)), (None, 0))(p, x)


@each
def test_log_prob_is_scipys(name: str, dtype: str) -> None:
    p, x = rounded(CASES[name].p, dtype), samples(name)[:20].astype(dtype)
    if name == "VonMisesFisher":
        x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    reference, points = CASES[name].reference(p), x.astype(float)
    if name == "VonMisesFisher":  # scipy insists on a length of 1 to float64 rounding
        points /= np.linalg.norm(points, axis=-1, keepdims=True)
    function = reference.logpmf if name == "Multinomial" else reference.logpdf
    expected = np.array([np.sum(function(point)) for point in points])
    found = np.asarray(jets(p, jnp.asarray(x))[0])
    assert found.dtype == dtype
    # terms of size 10, whitened points of size 3 that carry the rounding of the points, condition numbers of 4
    np.testing.assert_allclose(found, expected, rtol=0, atol=1000 * float(jnp.finfo(dtype).eps))


@each
def test_derivatives_are_finite_and_vanish_outside(name: str, dtype: str) -> None:
    p, outside = rounded(CASES[name].p, dtype), np.asarray(CASES[name].outside, dtype)
    x = np.concatenate([samples(name)[:20].astype(dtype), outside[None]])
    value, slopes = jets(p, jnp.asarray(x))
    assert np.isfinite(value[:-1]).all()
    assert value[-1] == -np.inf
    for slope in jax.tree.leaves(slopes):
        assert np.isfinite(slope).all()
        assert (slope[-1] == 0).all()


@each
def test_nan_gives_nan(name: str) -> None:
    p = rounded(CASES[name].p, "float64")
    assert np.isnan(jax.jit(type(p).log_prob)(p, np.full_like(samples(name)[0], np.nan)))


@each
def test_samples_have_the_mean_and_the_variance(name: str) -> None:
    p, x = rounded(CASES[name].p, "float64"), samples(name)
    assert np.all(np.abs(x.mean(0) - p.mean) < five_errors(x))
    squares = (x - np.asarray(p.mean)) ** 2
    assert np.all(np.abs(squares.mean(0) - p.variance) < five_errors(squares))


@each
def test_entropy_is_scipys(name: str, dtype: str) -> None:
    p = rounded(CASES[name].p, dtype)
    expected = np.sum(CASES[name].reference(p).entropy())
    found = xj.entropy(p)
    assert found.dtype == dtype
    # terms of size 10
    assert float(found) == pytest.approx(float(expected), abs=200 * float(jnp.finfo(dtype).eps))


@each
def test_divergence_is_the_mean_log_ratio(name: str, dtype: str) -> None:
    p, q = rounded(CASES[name].p, dtype), rounded(CASES[name].q, dtype)
    x = jnp.asarray(samples(name))
    ratios = np.asarray(jets(upcast(p), x)[0] - jets(upcast(q), x)[0])
    if name == "MultivariateStudentT":  # of which no closed form is known
        with pytest.raises(TypeError, match=r"no closed form .*monte_carlo"):
            xj.kl_divergence(p, q)
        return
    found = xj.kl_divergence(p, q)
    assert found.dtype == dtype
    assert abs(float(found) - ratios.mean()) < five_errors(ratios)
    assert xj.kl_divergence(p, p) == 0
    total = float(xj.cross_entropy(p, q))
    # terms of size 10
    assert total == pytest.approx(float(xj.entropy(p) + found), abs=200 * float(jnp.finfo(dtype).eps))


@pytest.mark.parametrize("name", [name for name in CASES if name != "MultivariateStudentT"])
def test_hessian_of_the_divergence_is_the_information(name: str) -> None:
    """At q = p, by the outer products of scores over samples."""
    p = rounded(CASES[name].p, "float64")
    flat, unravel = ravel_pytree(p)
    moved = 1 if name == "Multinomial" else 0  # a number of trials has no derivative
    hessian = np.asarray(jax.jit(jax.hessian(lambda v: xj.kl_divergence(p, unravel(v))))(flat))[moved:, moved:]
    scores = jets(p, jnp.asarray(samples(name)))[1][0]
    scores = np.concatenate([np.asarray(s).reshape(NUM_SAMPLES, -1) for s in jax.tree.leaves(scores)], 1)[:, moved:]
    if name == "Wishart":  # a symmetric matrix moves with both of its entries
        both = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
        hessian, scores = both.T @ hessian @ both, scores @ both
    if name == "Multinomial":  # along the simplex
        along = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
        hessian, scores = along.T @ hessian @ along, scores @ along
    products = scores[:, :, None] * scores[:, None, :]
    assert np.all(np.abs(products.mean(0) - hessian) < five_errors(products))
