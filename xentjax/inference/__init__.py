"""Inference: how well a fit knows its parameters, what follows from them, and which model to prefer.

All are first and second derivatives of the cross-entropy at the fit. Covariances (`observed_covariance`,
`expected_covariance`, `opg_covariance`, `sandwich_covariance`) feed intervals (`wald_interval`, `delta`) and the Wald
test; criteria (`aic`, `bic`, `tic`, `leave_one_out`) estimate the cross-entropy on new observations; `summary` and
`compare` are for people.

>>> import jax.numpy as jnp
>>> import xentjax as xj
>>> x = jnp.array([0.8, 1.5, 2.0, 3.1, 0.6])
>>> fit = xj.fit_mle(xj.Gamma, x)
>>> robust = xj.inference.sandwich_covariance(fit, x)
>>> median = xj.inference.delta(lambda q: q.quantile(0.5), fit, robust)
>>> bool(median.low < median.value < median.high)
True
"""

from xentjax.inference.covariance import (
    Covariance,
    expected_covariance,
    observed_covariance,
    opg_covariance,
    sandwich_covariance,
    scores,
)
from xentjax.inference.criteria import aic, aicc, bic, cross_validation, leave_one_out, num_parameters, tic
from xentjax.inference.goodness import (
    GoodnessOfFit,
    anderson_darling,
    chi_squared,
    cramer_von_mises,
    g_squared,
    goodness_of_fit,
    kolmogorov_smirnov,
    probability_integral_transform,
)
from xentjax.inference.hypothesis_tests import (
    TestResult,
    information_matrix_test,
    likelihood_ratio_test,
    opg_score_test,
    score_test,
    wald_test,
)
from xentjax.inference.influence import case_deletion, influence
from xentjax.inference.intervals import Estimate, delta, wald_interval
from xentjax.inference.profiles import profile, profile_interval
from xentjax.inference.resampling import Replicates, bootstrap, parametric_bootstrap, resampling_bootstrap
from xentjax.inference.summaries import Comparison, Summary, compare, summary

__all__ = [
    "Comparison",
    "Covariance",
    "Estimate",
    "GoodnessOfFit",
    "Replicates",
    "Summary",
    "TestResult",
    "aic",
    "aicc",
    "anderson_darling",
    "bic",
    "bootstrap",
    "case_deletion",
    "chi_squared",
    "compare",
    "cramer_von_mises",
    "cross_validation",
    "delta",
    "expected_covariance",
    "g_squared",
    "goodness_of_fit",
    "influence",
    "information_matrix_test",
    "kolmogorov_smirnov",
    "leave_one_out",
    "likelihood_ratio_test",
    "num_parameters",
    "observed_covariance",
    "opg_covariance",
    "opg_score_test",
    "parametric_bootstrap",
    "probability_integral_transform",
    "profile",
    "profile_interval",
    "resampling_bootstrap",
    "sandwich_covariance",
    "score_test",
    "scores",
    "summary",
    "tic",
    "wald_interval",
    "wald_test",
]
