"""Losses of numbers: squared, absolute and quantile, deviances of positive responses, times to an event."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from mle_is_kl import datasets

import xentjax as xj

from .comparison import (
    EXACT,
    LEVEL,
    NEWTON,
    Comparison,
    Published,
    coefficients,
    gap,
    lbfgs,
    standardised,
    table,
    with_ones,
)


def squared_error() -> Comparison:
    from sklearn.linear_model import LinearRegression

    x, y = table("old_faithful", "eruptions"), table("old_faithful", "waiting")[:, 0]
    theirs = LinearRegression().fit(x, y)
    fit = xj.fit_mle(xj.Regression(xj.Normal, loc=xj.Linear()), (x, y))
    found = np.append(theirs.intercept_, theirs.coef_)
    title = "waiting ~ eruptions"
    return Comparison(
        title, "squared error", "Normal", "sklearn LinearRegression", found, coefficients(fit, "loc"), gap(fit), NEWTON
    )


def absolute_error() -> Comparison:
    """Of a constant: the median."""
    x = datasets.rivers()
    fit = xj.fit_mle(xj.Laplace, x)
    ours = np.array([fit.model.loc])
    return Comparison(
        "rivers", "absolute error", "Laplace", "numpy median", np.array([np.median(x)]), ours, gap(fit), EXACT
    )


def quantile_loss() -> Comparison:
    x = datasets.rivers()
    fit = xj.fit_mle(xj.AsymmetricLaplace(level=0.9), x)
    theirs = np.array([np.quantile(x, 0.9, method="inverted_cdf")])
    ours = np.array([fit.model.loc])
    return Comparison(
        "rivers, level 0.9", "pinball", "AsymmetricLaplace", "numpy quantile", theirs, ours, gap(fit), EXACT
    )


def quantile_regression() -> Comparison:
    from sklearn.linear_model import QuantileRegressor

    x, y = table("old_faithful", "eruptions"), table("old_faithful", "waiting")[:, 0]
    theirs = QuantileRegressor(quantile=0.9, alpha=0.0).fit(x, y)
    fit = xj.fit_mle(xj.Regression(xj.AsymmetricLaplace(level=0.9), loc=xj.Linear()), (x, y))
    return Comparison(
        "waiting ~ eruptions, level 0.9",
        "pinball",
        "AsymmetricLaplace",
        "sklearn QuantileRegressor",
        np.append(theirs.intercept_, theirs.coef_),
        coefficients(fit, "loc"),
        gap(fit),
        (1e-12, "rounding of the two equations of a corner"),
    )


def gamma_of_mean(p: dict) -> xj.Gamma:
    return xj.Gamma(p["shape"], p["shape"] / p["mean"])


def gamma_deviance() -> Comparison:
    import statsmodels.api as sm

    x, y = table("old_faithful", "eruptions"), table("old_faithful", "waiting")[:, 0]
    family = sm.families.Gamma(sm.families.links.Log())
    theirs = sm.GLM(y, with_ones(x), family=family).fit(tol=1e-14)
    of = xj.Built({"mean": 70.0, "shape": 10.0}, gamma_of_mean, {"mean": xj.positive, "shape": xj.positive})
    fit = xj.fit_mle(xj.Regression(of, mean=xj.Linear()), (x, y))
    return Comparison(
        "waiting ~ eruptions",
        "gamma deviance",
        "Gamma by its mean",
        "statsmodels GLM",
        theirs.params,
        coefficients(fit, "mean"),
        gap(fit),
        NEWTON,
    )


def tweedie_deviance() -> Comparison:
    """Time in affairs: most women have none, the others a positive number."""
    from sklearn.linear_model import TweedieRegressor

    x = standardised(table("fair", "rate_marriage", "age", "yrs_married", "religious", "educ"))
    y = table("fair", "affairs")[:, 0]
    theirs = TweedieRegressor(power=1.5, alpha=0.0, link="log", tol=1e-12, solver="newton-cholesky").fit(x, y)
    fit = xj.fit_mle(xj.Regression(xj.Tweedie(1.0, 1.0, 1.5), mean=xj.Linear()), (x, y))
    return Comparison(
        "affairs ~ five covariates",
        "Tweedie deviance, 1.5",
        "Tweedie",
        "sklearn TweedieRegressor",
        np.append(theirs.intercept_, theirs.coef_),
        coefficients(fit, "mean"),
        gap(fit),
        NEWTON,
    )


def accelerated_failure() -> Comparison:
    x = standardised(table("veteran_lung_survival", "trt", "karno", "diagtime", "age", "prior"))
    time, seen = table("veteran_lung_survival", "time", "status").T

    def loss(w: Any) -> Any:
        # the logarithm of time is a line plus an error of the least-extreme-value distribution
        z = (jnp.log(time) - with_ones(x) @ w[:-1]) * jnp.exp(w[-1])
        return jnp.mean(jnp.exp(z) - seen * (z + w[-1]))

    model = xj.Regression(xj.Censored(xj.Weibull, ("exact", "right")), scale=xj.Linear())
    fit = xj.fit_mle(model, (x, xj.right_censored(time, seen)))
    ours = np.append(coefficients(fit, "scale"), np.log(fit.model.of.of.concentration))
    return Comparison(
        "survival ~ five covariates",
        "extreme-value loss",
        "Censored(Weibull)",
        "optax L-BFGS",
        lbfgs(loss, 7),
        ours,
        gap(fit),
        LEVEL,
    )


def gehan() -> Published:
    found = datasets.columns("gehan_leukaemia")
    x = (found["treat"] == "control").astype(float)[:, None]
    data = x, xj.right_censored(found["time"].astype(float), found["cens"])
    fit = xj.fit_mle(xj.Regression(xj.Censored(xj.Weibull, ("exact", "right")), scale=xj.Linear()), data).check()
    ours = np.append(coefficients(fit, "scale"), 1 / fit.model.of.of.concentration)
    return Published("Gehan's remissions, Weibull, R's survreg", "3.516 -1.267 0.732", ours)


def measure() -> list[Comparison | Published]:
    return [
        squared_error(),
        absolute_error(),
        quantile_loss(),
        quantile_regression(),
        gamma_deviance(),
        tweedie_deviance(),
        accelerated_failure(),
        gehan(),
    ]
