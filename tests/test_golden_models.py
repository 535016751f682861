"""Published problems with models of one's own: censored data, regressions, truncated counts. See golden/README.md."""

import dataclasses
import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_models import PROBLEMS

import xentjax as xj

CASES = {case["id"]: case for case in json.loads((Path(__file__).parent / "golden" / "models.json").read_text())}
# Without a recomputed maximum: the likelihood has a kink there.
REGULAR = [name for name in CASES if "recomputed" in CASES[name]]


def numbers(model):
    return jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(model)])


@partial(jax.jit, static_argnums=(3, 4))
def inferred(fit, data, weights, published, wanted):
    """The published parameters, and their standard errors by each of the wanted covariances."""
    assert wanted[0] == "standard_errors"
    observed = xj.inference.observed_covariance(fit)
    others = [getattr(xj.inference, f"{kind}_covariance")(fit, data, weights) for kind in wanted[1:]]

    def errors(matrix):
        covariance = dataclasses.replace(observed, matrix=matrix)
        found = xj.inference.delta(published or numbers, fit, covariance)
        return found.standard_error, found.value

    matrices = jnp.stack([covariance.matrix for covariance in (observed, *others)])
    found, value = jax.vmap(errors, out_axes=(0, None))(matrices)
    return value, dict(zip(wanted, found, strict=True))


def test_every_case_has_a_problem():
    assert PROBLEMS.keys() == CASES.keys()


@pytest.mark.parametrize("name", REGULAR)
def test_fit_agrees_with_recomputed_and_published_results(name):
    case, problem = CASES[name], PROBLEMS[name]()
    recomputed = case["recomputed"]
    fit = xj.fit_mle(problem.start, problem.data, weights=problem.weights, fixed=problem.fixed).check()
    wanted = tuple(kind for kind in ("standard_errors", "sandwich", "opg") if kind in recomputed)
    found, errors = inferred(fit, problem.data, problem.weights, problem.published, wanted)
    # the reference stopped at a scaled gradient of 1e-9; a relative 1e-8 leaves room for the conditioning. An estimate
    # of exactly 0 has only its standard error for a scale
    scale = np.array(recomputed["standard_errors"])
    np.testing.assert_allclose(found, recomputed["estimates"], rtol=1e-8, atol=1e-12 * scale.min())
    for kind in wanted:
        # second derivatives carry the errors of the estimates about a hundredfold
        np.testing.assert_allclose(errors[kind], recomputed[kind], rtol=1e-6, err_msg=kind)
    # at the maximum the errors of the estimates enter squared: what is left is the rounding of the sum
    np.testing.assert_allclose(fit.log_likelihood, recomputed["log_likelihood"], rtol=1e-10)

    for published in case["published"]:
        for parameter, printed in published.get("estimates", {}).items():
            i = case["parameters"].index(parameter)
            # programs stop up to a hundredth of a standard error before the maximum, or at the last digit printed
            allowed = max(0.02 * scale[i], 10.0 ** -len(printed.partition(".")[2]))
            assert abs(found[i] - float(printed)) <= allowed, (parameter, printed)
        if "log_likelihood" in published:
            printed = published["log_likelihood"]
            # a hundredth of a standard error costs 5e-5 nats, a parameter
            allowed = max(1e-3, 10.0 ** -len(printed.partition(".")[2]))
            assert abs(fit.log_likelihood - float(printed)) <= allowed, printed


def test_standard_errors_of_a_fit_are_those_published():
    problem = PROBLEMS["ucla_ordered_logit"]()
    errors = xj.fit_mle(problem.start, problem.data).standard_errors()
    # as above
    recomputed = CASES["ucla_ordered_logit"]["recomputed"]["standard_errors"]
    np.testing.assert_allclose(problem.published(errors), recomputed, rtol=1e-6)


def test_estimates_of_exactly_zero_converge():
    problem = PROBLEMS["dobson_poisson"]()
    fit = xj.fit_mle(problem.start, problem.data).check()
    # rounding, on the scale of a standard error of 0.2
    np.testing.assert_allclose(problem.published(fit.model)[3:], 0.0, atol=1e-14)


def test_unbounded_likelihood_is_no_maximum():
    problem = PROBLEMS["scipy_weibull3_sas"]()
    (low, _), maximum = problem.data, CASES["scipy_weibull3_sas"]["recomputed"]["log_likelihood"]
    # with a shape below 1 the density is infinite where the first observation is the origin
    edge = xj.Shifted(xj.Weibull(0.5, 50.0), float(low.min()) - 1e-4)
    fit = xj.fit_mle(xj.Censored(edge, problem.start.kinds), problem.data)
    assert not fit.converged
    assert fit.log_likelihood > maximum


def test_kink_at_an_observation_is_not_certified():
    problem, (published,) = PROBLEMS["scipy_laplace"](), CASES["scipy_laplace"]["published"]
    fit = xj.fit_mle(problem.start, problem.data)
    assert not fit.converged
    # the location is an observation, where derivatives are of no use: given it, the scale has a smooth maximum
    location, scale = (float(published["estimates"][name]) for name in ("location", "scale"))
    assert location in problem.data[0]
    fit = xj.fit_mle(problem.start, problem.data, fixed={"loc": location}).check()
    # seven digits were printed
    np.testing.assert_allclose(fit.model.of.scale, scale, rtol=1e-6)
