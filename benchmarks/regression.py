"""Logistic regression, 100,000 rows by 20 columns, and softmax regression of digits with a ridge: time beside peers'.

Second calls, interleaved, peers with one BLAS thread; standard errors are included where a peer gives them.
"""

import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # of the libraries that are loaded when it is called

import xentjax as xj

DIGITS = pathlib.Path(__file__).parent.parent / "experiments" / "data" / "digits8x8.csv"
RIDGE = 1.0
REPEATS = 9


def interleaved(*calls):
    """The median seconds of each call, taken in turn."""
    for call in calls:
        call()
    taken = [[] for _ in calls]
    for _ in range(REPEATS):
        for call, own in zip(calls, taken, strict=True):
            began = time.perf_counter()
            call()
            own.append(time.perf_counter() - began)
    return [float(np.median(own)) for own in taken]


def report(name, ours, theirs, seconds, baseline, difference):
    print(
        f"{name:<10} {theirs:<32} {1e3 * baseline:8.1f} ms   xentjax {1e3 * seconds:8.1f} ms   "
        f"{baseline / seconds:5.2f} times as fast   largest difference of a coefficient {difference:.1e}   {ours}"
    )


def logistic():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100_000, 20))
    y = (rng.uniform(size=len(x)) < 1 / (1 + np.exp(-(x @ rng.normal(size=20) / 3 + 0.3)))).astype(float)
    model = xj.Regression(xj.Bernoulli, probs=xj.Linear())
    data = jnp.asarray(x), jnp.asarray(y)
    peer = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
    design = sm.add_constant(x)

    def ours():
        return jax.block_until_ready(xj.fit_mle(model, data))

    def with_errors():
        fit = ours()
        return fit, jax.block_until_ready(fit.standard_errors())

    seconds, errors, cholesky, logit = interleaved(
        ours, with_errors, lambda: peer.fit(x, y), lambda: sm.Logit(y, design).fit(disp=0, tol=1e-10).bse
    )
    fit = ours()
    found = np.asarray(fit.model.predictors["probs"].coefficients["x"])
    own = f"gap {float(fit.gap):.0e}"
    report("logistic", own, "scikit-learn newton-cholesky", seconds, cholesky, np.abs(found - peer.coef_[0]).max())
    theirs = sm.Logit(y, design).fit(disp=0, tol=1e-10).params[1:]
    report("logistic", own, "statsmodels Logit, with errors", errors, logit, np.abs(found - theirs).max())


def ridge(model):
    """Of the coefficients of all ten classes; a fit holds the last at 0, and the smallest of equal ones sum to 0."""
    own = model.predictors["logits"].coefficients["x"]
    every = jnp.concatenate([own, jnp.zeros((1, own.shape[1]))])
    return -0.5 * RIDGE * jnp.sum((every - jnp.mean(every, 0, keepdims=True)) ** 2)


def softmax():
    table = np.loadtxt(DIGITS, delimiter=",", skiprows=1)
    x, y = table[:, :-1] / 16, table[:, -1].astype(int)
    model = xj.Regression(xj.Categorical(jnp.zeros(10)), logits=xj.Linear())
    data = jnp.asarray(x), jnp.asarray(y)
    peer = LogisticRegression(C=1 / RIDGE, solver="lbfgs", tol=1e-8, max_iter=10_000)

    def ours():
        return jax.block_until_ready(xj.fit_map(model, data, ridge, tol=1e-8))

    seconds, theirs = interleaved(ours, lambda: peer.fit(x, y))
    fit = ours()
    found = np.asarray(fit.model.predictors["logits"].coefficients["x"])
    difference = np.abs(found - (peer.coef_[:-1] - peer.coef_[-1:])).max()
    report("softmax", f"gap {float(fit.gap):.0e}", "scikit-learn lbfgs, tol 1e-8", seconds, theirs, difference)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    with threadpool_limits(1, user_api="blas"):
        logistic()
        softmax()
