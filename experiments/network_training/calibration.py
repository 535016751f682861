"""Calibration: how sure the network is beside how often it is right, and the temperature that cross-entropy chooses."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
from mle_is_kl.checks import Check, certified_gap

import xentjax as xj

from .trainings import Trainings, logits, params_of

BINS, REPLICATES, LEVEL = 10, 4000, 0.999


@xj.record
class Tempered:
    """Softmax of logits / temperature. A point is the pair (logits, label)."""

    temperature: xj.Parameter = xj.positive(1.0)

    def log_prob(self, point: tuple) -> jax.Array:
        row, label = point
        return xj.Categorical(row / self.temperature).log_prob(label)


@dataclasses.dataclass(frozen=True)
class Reliability:
    """Answers in bins of equal width by the probability that the network gives them.

    Attributes:
      confidence, accuracy: the mean of that probability and the share of right answers; NaN of an empty bin.
      counts: how many answers.
      error: the expected calibration error: the mean over answers of |confidence − accuracy| of their bin.
      chance: what that error exceeds once in 1000 if each answer is right with the probability that it is given.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray
    error: float
    chance: float


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Before and after the temperature, of held-out labels.

    Attributes:
      before, after: the reliability.
      bits: the cross-entropy per label before and after.
      gain: the bits saved per label, and their standard error over the labels.
      fit: of the temperature, to other labels than these.
      bisected: the same temperature by bisection of the derivative of optax's loss.
    """

    before: Reliability
    after: Reliability
    bits: tuple[float, float]
    gain: tuple[float, float]
    fit: xj.Fit
    bisected: float


def reliability(probs: np.ndarray, labels: np.ndarray) -> Reliability:
    confidence, right = probs.max(1), (probs.argmax(1) == labels).astype(float)
    member = np.minimum((confidence * BINS).astype(int), BINS - 1)[:, None] == np.arange(BINS)
    counts = member.sum(0)
    # answers of a network that is calibrated are right with these probabilities
    drawn = np.random.default_rng(4).random((REPLICATES, len(labels))) < confidence
    errors = np.abs((confidence - np.vstack([right, drawn])) @ member).sum(1) / len(labels)
    mean = [(values @ member) / np.where(counts, counts, np.nan) for values in (confidence, right)]
    return Reliability(*mean, counts, float(errors[0]), float(np.quantile(errors[1:], LEVEL)))


def scored(run: Trainings, part: tuple) -> tuple[jax.Array, jax.Array]:
    """The points of `Tempered`."""
    pixels, labels = part
    return jax.jit(logits)(params_of(run.reports[-1]), pixels), jnp.asarray(labels)


def temperature(run: Trainings) -> xj.Fit:
    return xj.fit_mle(Tempered(), scored(run, run.data.calibration))


def bisected(rows: jax.Array, labels: jax.Array) -> float:
    """Where the derivative of optax's loss in the logarithm of the temperature changes its sign."""

    @jax.jit
    @jax.grad
    def slope(u: jax.Array) -> jax.Array:
        return optax.losses.softmax_cross_entropy_with_integer_labels(rows / jnp.exp(u), labels).mean()

    low, high = -3.0, 3.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return float(np.exp(middle))


def measure(run: Trainings) -> Calibration:
    rows, labels = scored(run, run.data.held_out)
    fit, held_out = temperature(run), xj.Empirical((rows, labels))
    plain, tempered = Tempered(1.0), fit.model
    probs = [np.asarray(jax.nn.softmax(rows / q.temperature)) for q in (plain, tempered)]

    def gained(point: tuple) -> jax.Array:
        return xj.in_bits(tempered.log_prob(point) - plain.log_prob(point))

    return Calibration(
        *(reliability(p, np.asarray(labels)) for p in probs),
        tuple(xj.in_bits(xj.cross_entropy(held_out, q)).item() for q in (plain, tempered)),
        (held_out.expect(gained).item(), held_out.standard_error(gained).item()),
        fit,
        bisected(*scored(run, run.data.calibration)),
    )


def checks(found: Calibration) -> list[Check]:
    fitted, before, after = found.fit.model.temperature.item(), found.before, found.after
    apart = abs(fitted / found.bisected - 1)
    return [
        Check(
            "temperature: fit_mle beside bisection of optax's loss, relative",
            apart,
            0,
            1e-12,
            "rounding of a mean over 500 labels",
        ),
        Check(
            "temperature: distance from 1 in standard errors",
            _errors_from_one(found),
            2,
            20,
            "too sure, by more than chance",
        ),
        Check(
            "bits per label that the temperature saves, held out", found.gain[0], 0, 1, "though fitted to other labels"
        ),
        Check(
            "calibration error before", before.error, before.chance, 1, "what a calibrated network exceeds once in 1000"
        ),
        Check("calibration error after", after.error, 0, after.chance, "as a calibrated network's 999 times in 1000"),
    ]


def _errors_from_one(found: Calibration) -> float:
    return float((found.fit.model.temperature - 1) / found.fit.standard_errors().temperature)


def words(found: Calibration) -> str:
    fitted, error = found.fit.model.temperature.item(), found.fit.standard_errors().temperature.item()
    (plain, tempered), (gain, gain_error) = found.bits, found.gain
    return (
        f"Temperature {fitted:.4f} ± {error:.4f}, certified to {certified_gap(found.fit):.0e} nats.\n"
        f"Held out: {plain:.4f} → {tempered:.4f} bits per label, {gain:.4f} ± {gain_error:.4f} saved; "
        f"calibration error {found.before.error:.4f} → {found.after.error:.4f}."
    )
