"""Squared, logistic and softmax loss are cross-entropies of conditional models: the same coefficients on real data."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import xentjax as xj

from . import datasets
from .checks import GAP, Check, certified_gap, distance, distance_allowed


@xj.record
class NormalRegression:
    """y ~ Normal(x · coefficients, scale): its cross-entropy is the squared loss, up to constants."""

    coefficients: xj.Parameter = xj.real()
    scale: xj.Parameter = xj.positive(1.0)

    def log_prob(self, point: tuple) -> jax.Array:
        x, y = point
        return xj.Normal(x @ self.coefficients, self.scale).log_prob(y)


@xj.record
class LogisticRegression:
    """y ~ Bernoulli(sigmoid(x · coefficients)): its cross-entropy is the logistic loss."""

    coefficients: xj.Parameter = xj.real()

    def log_prob(self, point: tuple) -> jax.Array:
        x, y = point
        return xj.Bernoulli(jax.nn.sigmoid(x @ self.coefficients)).log_prob(y)


@xj.record
class SoftmaxRegression:
    """y ~ Categorical(logits = (coefficients · x, 0)): its cross-entropy is the softmax loss."""

    coefficients: xj.Parameter = xj.real()

    def log_prob(self, point: tuple) -> jax.Array:
        x, y = point
        return xj.Categorical(jnp.append(self.coefficients @ x, 0.0)).log_prob(y)


@dataclasses.dataclass(frozen=True)
class Loss:
    """How far apart the minimiser of a loss and the fit of its model are."""

    title: str
    observations: int
    gap: float
    in_errors: float
    in_ulps: float


def compare(title: str, fit: xj.Fit, by_loss: Any) -> Loss:
    in_errors, in_ulps = distance(by_loss, fit.model, fit.standard_errors())
    return Loss(title, int(fit.observations), certified_gap(fit), in_errors, in_ulps)


def minimise(loss: Callable[[jax.Array], jax.Array], size: int) -> jax.Array:
    """Newton's method from 0, in its plainest form: an independent minimiser for a smooth convex loss."""
    step = jax.jit(lambda w: jnp.linalg.solve(jax.hessian(loss)(w), jax.grad(loss)(w)))
    w = jnp.zeros(size)
    for _ in range(20):
        w = w - step(w)
    return w


def squared_loss() -> Loss:
    table = datasets.columns("old_faithful")
    x, y = with_ones(table["eruptions"]), table["waiting"].astype(float)
    coefficients, squares, *_ = np.linalg.lstsq(x, y)
    fit = xj.fit_mle(NormalRegression(np.zeros(2)), (x, y))
    by_loss = NormalRegression(coefficients, np.sqrt(squares[0] / len(y)))
    return compare("squared loss: waiting ~ eruptions", fit, by_loss)


def logistic_loss() -> Loss:
    table = datasets.columns("spector")
    x, y = with_ones(table["GPA"], table["TUCE"], table["PSI"]), table["GRADE"]

    def loss(w: jax.Array) -> jax.Array:
        return optax.losses.sigmoid_binary_cross_entropy(x @ w, y).mean()

    fit = xj.fit_mle(LogisticRegression(np.zeros(4)), (x, y))
    return compare("logistic loss: grade ~ GPA, TUCE, PSI", fit, LogisticRegression(minimise(loss, 4)))


def softmax_loss() -> Loss:
    # sepal length alone: with any second measurement setosa can be told apart for certain, and no maximum exists
    table = datasets.columns("iris")
    x, y = with_ones(table["sepal_length"]), np.unique(table["species"], return_inverse=True)[1]

    def loss(w: jax.Array) -> jax.Array:
        logits = jnp.append(x @ w.reshape(2, 2).T, np.zeros((len(x), 1)), 1)
        return optax.losses.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    fit = xj.fit_mle(SoftmaxRegression(np.zeros((2, 2))), (x, y))
    return compare("softmax loss: species ~ sepal length", fit, SoftmaxRegression(minimise(loss, 4).reshape(2, 2)))


def with_ones(*columns: np.ndarray) -> np.ndarray:
    """The design matrix [n, 1 + columns] of a regression with a constant."""
    return np.column_stack([np.ones(len(columns[0])), *columns])


def measure() -> list[Loss]:
    return [squared_loss(), logistic_loss(), softmax_loss()]


def checks(losses: list[Loss]) -> list[Check]:
    gap = max(loss.gap for loss in losses)
    return [
        Check("the largest gap of these fits, in nats", gap, 0, GAP, "what a fit promises by default"),
        *(
            Check(
                f"{loss.title}: in standard errors ({loss.in_ulps:.0f} ulp)",
                loss.in_errors,
                0,
                distance_allowed(loss.observations, loss.gap),
                "√n (√2gap + 256 ε), as above",
            )
            for loss in losses
        ),
    ]
