"""Fits that the tests of `xentjax.inference` share."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

import xentjax as xj

N = 200
rng = np.random.default_rng(11)
X = rng.gamma(2.0, 0.5, N)
# with weights, fewer points: repeated as often as they count they are N again, a size that is compiled already
SOME = X[:130]
WEIGHTS = rng.multinomial(N, np.full(130, 1 / 130)).astype(float)
CLUSTERS = rng.integers(-3, 20, 130)
# the gap of a fit is at most 1e-12 nats, and Newton's last step leaves rounding
SAME = {"rtol": 1e-10, "atol": 1e-14}


@functools.cache
def gamma():
    return xj.fit_mle(xj.Gamma, X).check()


@functools.cache
def weighted_gamma():
    return xj.fit_mle(xj.Gamma, SOME, weights=WEIGHTS).check()


@functools.cache
def exponential(rate=None):
    return xj.fit_mle(xj.Exponential, X, fixed=None if rate is None else {"rate": rate}).check()


@functools.cache
def normal():
    return xj.fit_mle(xj.Normal, X).check()


@functools.cache
def projection():
    return xj.fit_kl(xj.Gamma, xj.Gamma(2.0, 1.0))


def near_truth(n):
    """Quantiles of Gamma(2, 2), as regular as a sample can be."""
    return scipy.stats.gamma.ppf((np.arange(n) + 0.5) / n, 2.0, scale=0.5)


def mean_and_variance(q):
    return {"mean": q.mean, "both": jnp.stack([q.mean, q.variance])}


def two_hypotheses(q):
    return {"a": q.concentration - 2.1, "b": q.rate - 4.1}


def assert_close(found, wanted, **tolerance):
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)
