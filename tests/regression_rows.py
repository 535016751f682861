"""Covariates, responses of several kinds, a regression of each kind, and one written by a user."""

import jax.numpy as jnp
import numpy as np

import xentjax as xj

RNG = np.random.default_rng(1)
N = 60
X = {"dose": RNG.normal(size=N), "age": 40 + 10 * RNG.normal(size=N)}
BOTH = np.stack([X["dose"], X["age"]], 1)
LINE = 0.4 * X["dose"] + 0.02 * X["age"] - 1
NUMBERS = LINE + RNG.normal(size=N)
COUNTS = RNG.poisson(np.exp(LINE)).astype(float)
BINARY = (RNG.uniform(size=N) < 1 / (1 + np.exp(-LINE))).astype(float)
CLASSES = RNG.integers(0, 3, N)

# of each kind: numbers and vectors for parameters, one predictor and two, columns in place of parameters
ROWS = {
    "normal": (xj.Regression(xj.Normal, loc=xj.Linear(), scale=xj.Linear(["dose"])), NUMBERS),
    "negative binomial": (xj.Regression(xj.NegativeBinomial, mean=xj.Linear()), COUNTS),
    "logistic": (xj.Regression(xj.Bernoulli, probs=xj.Linear(["dose"])), BINARY),
    "probit": (xj.Regression(xj.Bernoulli, probs=xj.Linear(["dose"], link=xj.links.probit)), BINARY),
    "multinomial": (xj.Regression(xj.Categorical(jnp.zeros(3)), logits=xj.Linear()), CLASSES),
    "ordinal": (xj.Regression(xj.Ordinal(jnp.array([0.0, 1.0])), loc=xj.Linear(intercept=False)), CLASSES),
    "offset": (xj.Regression(xj.Poisson, rate=xj.Linear(["dose"], offset="age")), COUNTS),
}


@xj.record
class Logistic:
    beta: xj.Parameter = xj.real()

    def log_prob(self, point):
        x, y = point
        return -jnp.logaddexp(0.0, jnp.where(y, -1, 1) * (x @ self.beta))
