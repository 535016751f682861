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
from .checks import Check, distance, distance_allowed


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
    """A loss and its model: how far apart their minimisers are, and their minimal values."""

    title: str
    observations: int
    certified: bool
    in_errors: float
    in_ulps: float


def compare(title: str, fit: xj.Fit, by_loss: Any) -> Loss:
    in_errors, in_ulps = distance(by_loss, fit.model, fit.standard_errors())
    return Loss(title, int(fit.observations), bool(fit.converged), in_errors, in_ulps)


def minimise_by_hand(loss: Callable[[jax.Array], jax.Array], start: jax.Array) -> jax.Array:
    """Newton's method in four lines: an independent minimiser for a smooth convex loss."""
    newton_step = jax.jit(lambda w: w - jnp.linalg.solve(jax.hessian(loss)(w), jax.grad(loss)(w)))
    w = start
    for _ in range(20):
        w = newton_step(w)
    return w


def least_squares() -> Loss:
    table = datasets.columns("old_faithful")
    x, y = _with_one(table["eruptions"]), table["waiting"].astype(float)
    coefficients, squares, *_ = np.linalg.lstsq(x, y)
    fit = xj.fit_mle(NormalRegression(np.zeros(2)), (x, y))
    by_loss = NormalRegression(coefficients, np.sqrt(squares[0] / len(y)))
    return compare("squared loss: waiting ~ eruptions", fit, by_loss)


def logistic_loss() -> Loss:
    table = datasets.columns("spector")
    x, y = _with_one(table["GPA"], table["TUCE"], table["PSI"]), table["GRADE"]

    def loss(w: jax.Array) -> jax.Array:
        return optax.losses.sigmoid_binary_cross_entropy(x @ w, y).mean()

    fit = xj.fit_mle(LogisticRegression(np.zeros(4)), (x, y))
    return compare("logistic loss: grade ~ GPA, TUCE, PSI", fit, LogisticRegression(minimise_by_hand(loss, np.zeros(4))))


def softmax_loss() -> Loss:
    # sepal length alone: with any second measurement setosa can be told apart for certain, and no maximum exists
    table = datasets.columns("iris")
    x, y = _with_one(table["sepal_length"]), np.unique(table["species"], return_inverse=True)[1]

    def loss(w: jax.Array) -> jax.Array:
        logits = jnp.append(x @ w.reshape(2, 2).T, np.zeros((len(x), 1)), 1)
        return optax.losses.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    fit = xj.fit_mle(SoftmaxRegression(np.zeros((2, 2))), (x, y))
    return compare(
        "softmax loss: species ~ sepal length", fit, SoftmaxRegression(minimise_by_hand(loss, np.zeros(4)).reshape(2, 2))
    )


def _with_one(*columns: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(columns[0])), *columns])


def measure() -> list[Loss]:
    return [least_squares(), logistic_loss(), softmax_loss()]


def checks(losses: list[Loss]) -> list[Check]:
    return [
        Check("losses whose model's fit is certified", sum(a.certified for a in losses), 3, 3, "a gap of at most 1e-12 nats"),
        *(
            Check(
                f"{loss.title}: largest difference / standard error",
                loss.in_errors,
                0.0,
                distance_allowed(loss.observations),
                "10 · 2e-12 · √n, as above",
            )
            for loss in losses
        ),
    ]
