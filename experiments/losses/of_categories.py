"""Losses of answers: logistic, softmax with a ridge, binomial, pairs of opponents, ordered answers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from mle_is_kl import datasets

import xentjax as xj

from .comparison import (
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


def logistic() -> list[Comparison | Published]:
    import statsmodels.api as sm

    x, y = table("spector", "GPA", "TUCE", "PSI"), table("spector", "GRADE")[:, 0]
    theirs = sm.Logit(y, with_ones(x)).fit(method="newton", tol=1e-14, disp=0)
    fit = xj.fit_mle(xj.Regression(xj.Bernoulli, probs=xj.Linear()), (x, y))
    ours = coefficients(fit, "probs")
    return [
        Comparison(
            "grade ~ three covariates",
            "logistic",
            "Bernoulli",
            "statsmodels Logit",
            theirs.params,
            ours,
            gap(fit),
            NEWTON,
        ),
        Published("grade ~ three covariates, Greene's table", "-13.02135 2.82611 0.09516 2.37869", ours),
    ]


def logistic_of_many() -> Comparison:
    names = ("rate_marriage", "age", "yrs_married", "children", "religious", "educ", "occupation", "occupation_husb")
    x, y = standardised(table("fair", *names)), (table("fair", "affairs")[:, 0] > 0).astype(float)

    def loss(w: Any) -> Any:
        return optax.losses.sigmoid_binary_cross_entropy(with_ones(x) @ w, y).mean()

    fit = xj.fit_mle(xj.Regression(xj.Bernoulli, probs=xj.Linear()), (x, y))
    return Comparison(
        "any affair ~ eight covariates",
        "logistic",
        "Bernoulli",
        "optax L-BFGS",
        lbfgs(loss, 9),
        coefficients(fit, "probs"),
        gap(fit),
        LEVEL,
    )


@xj.record
class Softmax:
    """Logits are weights · x + biases. All classes have weights: the ridge, not a class left out, pins them down."""

    weights: xj.Parameter = xj.real()
    biases: xj.Parameter = xj.logits()

    def log_prob(self, point: tuple) -> jax.Array:
        x, y = point
        return xj.Categorical(self.weights @ x + self.biases).log_prob(y)


def ridge(q: Softmax) -> jax.Array:
    """A normal prior of standard deviation 1 is sklearn's penalty at C = 1."""
    return -0.5 * jnp.sum(q.weights**2)


def softmax_with_ridge() -> Comparison:
    from sklearn.linear_model import LogisticRegression

    found = datasets.columns("digits8x8")
    y = found["label"].astype(int)
    x = np.stack([found[name] for name in found.dtype.names if name != "label"], 1) / 16
    theirs = LogisticRegression(C=1.0, solver="newton-cg", tol=1e-10, max_iter=1000).fit(x, y)
    fit = xj.fit_map(Softmax(np.zeros((10, x.shape[1])), np.zeros(10)), (x, y), ridge)
    ours = np.asarray(fit.model.weights).ravel()
    return Comparison(
        "digit ~ 64 pixels, 640 weights",
        "softmax + ridge",
        "Categorical, normal prior",
        "sklearn LogisticRegression",
        theirs.coef_.ravel(),
        ours,
        gap(fit),
        LEVEL,
        float(np.abs(theirs.coef_).max()),  # some weights are 0: pixels that are always empty
    )


def binomial() -> list[Comparison | Published]:
    import statsmodels.api as sm

    names = datasets.columns("star98").dtype.names
    x, success = table("star98", *names[2:]), table("star98", *names[:2])
    theirs = sm.GLM(success, with_ones(x), family=sm.families.Binomial()).fit(tol=1e-14)
    model = xj.Regression(xj.Binomial, total_count="n", probs=xj.Linear(["x"]))
    fit = xj.fit_mle(model, ({"x": x, "n": success.sum(1)}, success[:, 0]))
    ours = coefficients(fit, "probs")
    # products of three columns: of sixteen digits seven are left
    allowed = 1e-6, "products of up to three columns beside their factors: a condition of 1e9"
    return [
        Comparison(
            "star98 ~ twenty covariates",
            "binomial",
            "Binomial",
            "statsmodels GLM",
            theirs.params,
            ours,
            gap(fit),
            allowed,
        ),
        Published("star98, statsmodels' documentation", "-0.0168150 0.0099255", ours[1:3]),
    ]


def bradley_terry() -> Comparison:
    """Which team wins: the logistic loss of the difference of two strengths, and of playing at home."""
    import statsmodels.api as sm

    games = datasets.columns("ncaa_icehockey_0910")
    teams, place = np.unique([games["visitor"], games["opponent"]], return_inverse=True)
    visitor, opponent = np.eye(len(teams))[place.reshape(2, -1)]
    home = (games["home_ice"].astype(str) == "True").astype(float)
    # the first team has the strength 0; the opponent is at home
    x = np.column_stack([(visitor - opponent)[:, 1:], -home])
    # a draw is half a win: of two points one
    wins = 2 * games["result"].astype(float)
    theirs = sm.GLM(np.column_stack([wins, 2 - wins]), x, family=sm.families.Binomial()).fit(tol=1e-14)
    model = xj.Regression(xj.Binomial, total_count="n", probs=xj.Linear(["x"], intercept=False))
    fit = xj.fit_mle(model, ({"x": x, "n": np.full(len(x), 2.0)}, wins))
    return Comparison(
        f"ice hockey, {len(teams)} teams",
        "logistic of differences",
        "Binomial",
        "statsmodels GLM",
        theirs.params,
        coefficients(fit, "probs"),
        gap(fit),
        NEWTON,
    )


def ordered() -> Comparison:
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    x = standardised(table("fair", "age", "yrs_married", "children", "religious", "educ"))
    y = table("fair", "rate_marriage")[:, 0].astype(int) - 1
    theirs = OrderedModel(y, x, distr="logit").fit(method="bfgs", gtol=1e-8, maxiter=500, disp=0)
    model = xj.Regression(xj.Ordinal(jnp.array([-3.0, -2.0, -1.0, 0.0])), loc=xj.Linear(intercept=False))
    fit = xj.fit_mle(model, (x, y))
    return Comparison(
        "rate of marriage ~ five covariates",
        "cumulative logit",
        "Ordinal",
        "statsmodels OrderedModel",
        theirs.params[: x.shape[1]],
        coefficients(fit, "loc"),
        gap(fit),
        LEVEL,
    )


def measure() -> list[Comparison | Published]:
    return [*logistic(), logistic_of_many(), softmax_with_ridge(), *binomial(), bradley_terry(), ordered()]
