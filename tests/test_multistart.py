"""Several starts: the lowest minimum is found, and how many led there is said."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xentjax as xj

# two humps; a start with both components in the middle of them ends at a saddle's side or with one of no weight
X = np.concatenate([np.linspace(-5.0, -3.0, 40), np.linspace(2.0, 6.0, 60)])
START = xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array([0.9, 1.0]), jnp.array([4.0, 4.0])))


def test_the_lowest_minimum_is_kept() -> None:
    single = xj.fit_mle(START, X)
    several = xj.fit_mle(START, X, num_starts=8, key=jax.random.key(0)).check()
    assert several.cross_entropy <= single.cross_entropy + 1e-12
    assert 1 <= several.agreed <= 8
    assert f"{several.agreed} of 8 starts ended there" in str(several)
    # the humps do not overlap, so that the components are the normals of each: those of a fit to either
    left = xj.fit_mle(xj.Normal, X[:40])
    loc = np.asarray(several.model.components.loc)
    assert np.min(np.abs(loc - float(left.model.loc))) < 1e-3
    again = xj.fit_mle(START, X, num_starts=8, key=jax.random.key(0))
    np.testing.assert_array_equal(again.cross_entropy, several.cross_entropy)


def test_where_there_is_one_minimum_all_agree() -> None:
    fit = xj.fit_mle(xj.Exponential, X + 6.0, num_starts=4, key=jax.random.key(1))
    assert fit.agreed == 4
    # the estimate is 1 / mean, to the roundings of the sum
    np.testing.assert_allclose(fit.model.rate, 1 / np.mean(X + 6.0), rtol=1e-14)
    assert xj.fit_mle(xj.Exponential, X + 6.0).agreed is None


def test_messages() -> None:
    with pytest.raises(
        ValueError, match=r"fit_mle: found num_starts=3 without a key, .* give key=jax\.random\.key\(0\)"
    ):
        xj.fit_mle(xj.Exponential, X + 6.0, num_starts=3)
    with pytest.raises(ValueError, match=r"fit_kl: found num_starts=0, but a whole number ≥ 1 is needed"):
        xj.fit_kl(xj.Normal, xj.Gamma(2.0, 1.0), num_starts=0)
