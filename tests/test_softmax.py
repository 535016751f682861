"""Softmax from logits in rows of every length: one block, several, and blocks that are not 128 wide."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables import OPTIMISED

import xentjax as xj

as_users = functools.partial(jax.jit, compiler_options=OPTIMISED)
# 3 and 257 are one block, 300 is 2 of 150, 1000 is 5 of 200, 32000 is 50 of 640
SIZES = [3, 257, 300, 1000, 32_000]

with_gradient = as_users(
    lambda logits, label, p: (
        jax.value_and_grad(lambda logits: -xj.Categorical(logits).log_prob(label))(logits),
        jax.value_and_grad(lambda logits: xj.cross_entropy(p, xj.Categorical(logits)))(logits),
    )
)


def exact(logits: np.ndarray, p: np.ndarray) -> tuple[float, np.ndarray]:
    """−Σ p log q and q − p with 1 − q and 1 − p as sums over the others, in long double."""
    at = int(np.argmax(logits))
    below = logits.astype(np.longdouble) - np.longdouble(logits[at])
    others = np.sum(np.exp(np.delete(below, at)))
    slope = np.exp(below) / (1 + others) - p
    slope[at] = np.sum(np.delete(p, at)) - others / (1 + others)
    reached = p > 0
    return float(np.sum(p[reached] * (np.log1p(others) - below[reached]))), slope.astype(float)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("height", [0.0, 1.0, 40.0])
def test_rows_of_every_length(size: int, height: float, dtype: str) -> None:
    """At height 0 all logits but one are equal; at 40 one probability is all but 1, and its loss is tiny, not 0."""
    label = size - 2
    logits = np.where(np.arange(size) == 1, -np.inf, 1e4).astype(dtype)
    logits[label] += height
    p = (np.arange(size) == label).astype(dtype)
    for value, gradient in with_gradient(jnp.asarray(logits), jnp.asarray(label), jnp.asarray(p)):
        expected, slope = exact(logits, p)
        # sums of up to 32000 terms, and a logarithm whose error the exponential multiplies by up to 10
        tolerance = 16 * float(jnp.finfo(dtype).eps)
        np.testing.assert_allclose(value, expected, rtol=tolerance)
        np.testing.assert_allclose(gradient, slope, rtol=tolerance)


@pytest.mark.parametrize("size", [3, 32_000])
def test_what_has_no_meaning_is_nan(size: int) -> None:
    """Also where the compiler's minimum and maximum pass NaN over."""
    at_one = np.arange(size) == 1
    for row in (np.full(size, -np.inf), np.where(at_one, np.inf, 0.0), np.where(at_one, np.nan, 0.0)):
        found = with_gradient(jnp.asarray(row, "float32"), jnp.array(0), jnp.full(size, 1 / size, "float32"))
        assert all(np.isnan(value) for value, _ in found)


@pytest.mark.parametrize("size", [3, 32_000])
def test_an_impossible_category(size: int) -> None:
    """Any p > 0 on it, however small, costs ∞ nats; p = 0 costs nothing, not 0 · ∞."""
    logits = jnp.zeros(size, "float32").at[1].set(-jnp.inf)
    p = jnp.zeros(size, "float32").at[0].set(1.0)
    smallest = jnp.finfo("float32").tiny
    (_, _), (value, _) = with_gradient(logits, jnp.array(0), p.at[1].set(smallest))
    assert value == jnp.inf
    (_, _), (value, gradient) = with_gradient(logits, jnp.array(0), p)
    assert float(value) == pytest.approx(np.log(size - 1), rel=1e-6)  # a few units in the last place
    assert np.isfinite(gradient).all()
    assert gradient[1] == 0


@pytest.mark.parametrize("labels", ["uint8", "int8", "int16", "bool"])
def test_labels_of_small_types(labels: str) -> None:
    """The number of categories has no place in their type."""
    for size in (300, 65_536):
        found = xj.Categorical(jnp.zeros(size, "float32")).log_prob(jnp.ones((), labels))
        assert found == pytest.approx(-np.log(size), rel=1e-6)  # a few units in the last place
