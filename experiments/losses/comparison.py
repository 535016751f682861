"""What every part returns: the minimiser of a loss beside the fit of its model."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from mle_is_kl.checks import Check, certified_gap
from mle_is_kl.datasets import columns

import xentjax as xj

# How far two minimisers of one function may lie apart, and why. Newton's last step, on either side, leaves rounding,
# which correlated columns multiply by their condition, here up to 1e5. The others end where the loss, known to 2e-16,
# is level to rounding: that is within √2e-16 = 1e-8 of the minimum in units of its curvature, of which a coefficient
# that is ten to a hundred times smaller than the largest makes 1e-7 to 1e-6 of itself.
NEWTON = (1e-10, "Newton's method on both sides: rounding, times the condition of the columns")
LEVEL = (1e-6, "ends where the loss is level to rounding, 1e-8 in units of its curvature")
EXACT = (0.0, "the same order statistic")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Coefficients that minimise a loss, by whom, and those of the model's fit.

    Attributes:
      title: what is regressed on what.
      loss, model: the loss as people call it, and the model it assumes.
      by: who minimised the loss.
      theirs, ours: the coefficients, in the same order.
      gap: the nats that the fit may still be above the minimum, infinite if it did not converge.
      range: the largest relative difference that is allowed, and why.
      unit: what a difference is relative to: None is each coefficient, a number stands for all.
    """

    title: str
    loss: str
    model: str
    by: str
    theirs: np.ndarray
    ours: np.ndarray
    gap: float
    range: tuple[float, str]
    unit: float | None = None

    @property
    def difference(self) -> float:
        """The largest relative difference of the coefficients."""
        return float(
            np.max(np.abs(self.ours - self.theirs) / (np.abs(self.theirs) if self.unit is None else self.unit))
        )

    def check(self) -> Check:
        high, reason = self.range
        return Check(f"{self.title}: {self.loss} ↔ {self.model}; {self.by}", self.difference, 0, high, reason)


@dataclasses.dataclass(frozen=True)
class Published:
    """Published digits, as text, beside what a fit gives."""

    title: str
    digits: str
    ours: np.ndarray

    def check(self) -> Check:
        """The largest distance in units of half the last digit."""
        values = np.array([float(text) for text in self.digits.split()])
        last = np.array([10.0 ** -len(text.partition(".")[2]) for text in self.digits.split()])
        distance = float(np.max(np.abs(self.ours - values) / (last / 2)))
        return Check(f"{self.title}, in halves of the last digit", distance, 0, 1.001, "published values are rounded")


def coefficients(fit: xj.Fit, parameter: str, constant_first: bool = True) -> np.ndarray:
    """Those of a predictor, with the constant first or last, or without one."""
    found = dict(fit.model.predictors[parameter].coefficients)
    constant = [np.asarray(found.pop("intercept"))] if "intercept" in found else []
    rest = [np.ravel(value) for value in found.values()]
    parts = [*constant, *rest] if constant_first else [*rest, *constant]
    return np.concatenate([np.atleast_1d(part) for part in parts])


def gap(fit: xj.Fit) -> float:
    return certified_gap(fit)


def with_ones(x: np.ndarray) -> np.ndarray:
    """The design matrix [n, 1 + k] of a regression with a constant."""
    return np.column_stack([np.ones(len(x)), x])


def standardised(x: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1, as gradient methods need them."""
    return (x - x.mean(0)) / x.std(0)


def table(name: str, *names: str) -> np.ndarray:
    """Columns of a data set as numbers [n, k]."""
    found = columns(name)
    return np.stack([found[column].astype(float) for column in names], 1)


def lbfgs(loss: Callable[[jax.Array], Any], size: int, steps: int = 500) -> np.ndarray:
    """The minimiser of a loss by optax's L-BFGS, from 0, until its gradient is 1e-10 or no step helps."""
    solver, derive = optax.lbfgs(), optax.value_and_grad_from_state(loss)

    def step(carry: tuple) -> tuple:
        w, state, count, _ = carry
        value, slope = derive(w, state=state)
        moved, state = solver.update(slope, state, w, value=value, grad=slope, value_fn=loss)
        return optax.apply_updates(w, moved), state, count + 1, jnp.max(jnp.abs(slope))

    @jax.jit
    def run(w: jax.Array) -> jax.Array:
        start = w, solver.init(w), 0, jnp.inf
        return jax.lax.while_loop(lambda carry: (carry[3] > 1e-10) & (carry[2] < steps), step, start)[0]

    return np.asarray(run(jnp.zeros(size)))
