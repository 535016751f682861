"""Losses of counts: Poisson, negative binomial, zero-inflated."""

import numpy as np
from mle_is_kl import datasets

import xentjax as xj

from .comparison import NEWTON, Comparison, Published, coefficients, gap, with_ones


def articles() -> tuple[np.ndarray, np.ndarray]:
    """Covariates [915, 5] of students, and how many articles they wrote."""
    found = datasets.columns("biochemists_articles")
    women, married = found["fem"] == "Women", found["mar"] == "Married"
    x = np.stack([women, married, found["kid5"], found["phd"], found["ment"]], 1).astype(float)
    return x, found["art"].astype(float)


def poisson() -> list[Comparison | Published]:
    import statsmodels.api as sm

    x, y = articles()
    theirs = sm.Poisson(y, with_ones(x)).fit(method="newton", tol=1e-14, disp=0)
    fit = xj.fit_mle(xj.Regression(xj.Poisson, rate=xj.Linear()), (x, y))
    ours = coefficients(fit, "rate")
    return [
        Comparison(
            "articles ~ five covariates",
            "Poisson",
            "Poisson",
            "statsmodels Poisson",
            theirs.params,
            ours,
            gap(fit),
            NEWTON,
        ),
        Published("articles, Poisson, Long's log-likelihood", "-1651.06", np.array([fit.log_likelihood])),
    ]


def negative_binomial() -> list[Comparison | Published]:
    import statsmodels.api as sm

    x, y = articles()
    theirs = sm.NegativeBinomial(y, with_ones(x)).fit(method="newton", tol=1e-14, disp=0, maxiter=100)
    fit = xj.fit_mle(xj.Regression(xj.NegativeBinomial, mean=xj.Linear()), (x, y))
    ours = np.append(coefficients(fit, "mean"), fit.model.of.dispersion)
    return [
        Comparison(
            "articles ~ five covariates",
            "NB2",
            "NegativeBinomial",
            "statsmodels NegativeBinomial",
            theirs.params,
            ours,
            gap(fit),
            NEWTON,
        ),
        Published("articles, negative binomial, Long's log-likelihood", "-1560.96", np.array([fit.log_likelihood])),
    ]


def zero_inflated() -> Comparison:
    import statsmodels.api as sm

    x, y = articles()
    peer = sm.ZeroInflatedPoisson(y, with_ones(x), exog_infl=with_ones(x))
    near = peer.fit(method="bfgs", maxiter=500, disp=0)
    theirs = peer.fit(start_params=near.params, method="newton", tol=1e-14, disp=0)
    fit = xj.fit_mle(xj.Regression(xj.ZeroInflated(xj.Poisson), rate=xj.Linear(), zero=xj.Linear()), (x, y))
    ours = np.concatenate([coefficients(fit, "zero"), coefficients(fit, "rate")])
    return Comparison(
        "articles ~ five covariates, twice",
        "zero-inflated Poisson",
        "ZeroInflated(Poisson)",
        "statsmodels ZeroInflatedPoisson",
        theirs.params,
        ours,
        gap(fit),
        NEWTON,
    )


def measure() -> list[Comparison | Published]:
    return [*poisson(), *negative_binomial(), zero_inflated()]
