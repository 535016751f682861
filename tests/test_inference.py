"""What all of inference obeys: batches, compilation, float32, and what is no single fit to data."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference_cases import X, assert_close, gamma, mean_and_variance, projection, two_hypotheses

import xentjax as xj
from xentjax import inference


def everything(fit, x):
    return (
        inference.observed_covariance(fit),
        inference.expected_covariance(fit).matrix,
        inference.opg_covariance(fit, x).natural(),
        inference.sandwich_covariance(fit, x, clusters=jnp.arange(x.shape[0]) // 2).correlation(),
        inference.wald_interval(fit),
        inference.delta(mean_and_variance, fit),
        inference.tic(fit, x),
        inference.leave_one_out(fit, x),
        inference.cross_validation(fit, x, jax.random.key(1), folds=4),
        inference.wald_test(fit, two_hypotheses),
        inference.information_matrix_test(fit, x),
    )


def test_a_batch_is_one_by_one_and_a_second_call_compiles_nothing():
    batch = np.stack([X, X**1.1, 2 * X])
    together = jax.jit(jax.vmap(lambda x: everything(xj.fit_mle(xj.Gamma, x), x)))(batch)
    singly = [everything(xj.fit_mle(xj.Gamma, x), x) for x in batch[:1]]
    before = compilations()
    singly += [everything(xj.fit_mle(xj.Gamma, x), x) for x in batch[1:]]
    assert compilations() == before
    for i, single in enumerate(singly):
        lane = jax.tree.map(lambda leaf, i=i: leaf[i], together)
        # the fits differ in their last digits, which a nearly singular V magnifies
        assert_close(lane, single, rtol=1e-6, atol=1e-12)
    fits = jax.vmap(lambda x: xj.fit_mle(xj.Gamma, x))(batch)
    assert fits.aic.shape == fits.bic.shape == (3,)
    assert float(fits.aic[1]) == pytest.approx(float(xj.fit_mle(xj.Gamma, batch[1]).aic), rel=1e-12)


def compilations():
    """How many programs the jitted functions of the package hold."""
    modules = (
        inference.covariance,
        inference.matrices,
        inference.intervals,
        inference.criteria,
        inference.hypothesis_tests,
    )
    functions = [f for module in modules for f in vars(module).values() if hasattr(f, "_cache_size")]
    assert len(functions) > 10
    return sum(f._cache_size() for f in functions)


def test_float32():
    x = X.astype("float32")
    single = jax.jit(everything)(xj.fit_mle(xj.Gamma, x), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(single) if jnp.issubdtype(leaf.dtype, jnp.floating)} == {
        jnp.dtype("float32")
    }
    double = everything(gamma(), X)
    # float32 estimates are right to √eps, as their gap is closed to eps; all but the last test depend smoothly on them
    assert_close(single[:-1], double[:-1], rtol=5e-3, atol=1e-5)
    assert float(single[-1].statistic) == pytest.approx(float(double[-1].statistic), rel=0.05)


# refusals


COVARIANCES = {
    "observed_covariance": lambda fit: inference.observed_covariance(fit),
    "expected_covariance": lambda fit: inference.expected_covariance(fit),
    "opg_covariance": lambda fit: inference.opg_covariance(fit, X),
    "sandwich_covariance": lambda fit: inference.sandwich_covariance(fit, X),
    "wald_interval": lambda fit: inference.wald_interval(fit),
    "delta": lambda fit: inference.delta(mean_and_variance, fit),
    "tic": lambda fit: inference.tic(fit, X),
    "leave_one_out": lambda fit: inference.leave_one_out(fit, X),
    "cross_validation": lambda fit: inference.cross_validation(fit, X, jax.random.key(0)),
    "likelihood_ratio_test": lambda fit: inference.likelihood_ratio_test(fit, fit),
    "wald_test": lambda fit: inference.wald_test(fit, two_hypotheses),
    "score_test": lambda fit: inference.score_test(fit, X),
    "opg_score_test": lambda fit: inference.opg_score_test(fit, X),
    "information_matrix_test": lambda fit: inference.information_matrix_test(fit, X),
    "summary": lambda fit: inference.summary(fit),
    "compare": lambda fit: inference.compare({"it": fit}),
}


@pytest.mark.parametrize("name", COVARIANCES)
def test_what_is_no_single_fit_to_data(name):
    with pytest.raises(TypeError, match=rf"^{name}: found a Gamma, but a fit is needed; make one with fit_mle"):
        COVARIANCES[name](xj.Gamma(2.0, 1.0))
    with pytest.raises(ValueError, match=rf"^{name}: found a fit to a known distribution, but .* fit_mle"):
        COVARIANCES[name](projection())
    with pytest.raises(ValueError, match=rf"^{name}: found a batch of fits of shape \(2,\), but one fit .* jax.vmap"):
        COVARIANCES[name](jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), gamma()))


def test_methods_of_a_fit_name_themselves():
    for name in ("covariance", "summary"):
        with pytest.raises(ValueError, match=rf"^{name}: found a fit to a known distribution, but .* fit_mle"):
            getattr(projection(), name)()


def many(params, x):
    return xj.Normal(params["loc"][0], jnp.ones(())).log_prob(x) - 0.5 * jnp.sum(params["loc"][1:] ** 2)


@functools.cache
def large():
    return xj.fit_mle(xj.Density({"loc": np.zeros(65)}, many), X)


@pytest.mark.parametrize(
    "name", ["observed_covariance", "sandwich_covariance", "tic", "leave_one_out", "information_matrix_test"]
)
def test_more_parameters_than_a_curvature_is_kept_for(name):
    with pytest.raises(ValueError, match=rf"^{name}: found more than 64 free parameters.*; hold some of them"):
        COVARIANCES[name](large())
