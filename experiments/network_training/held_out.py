"""Held-out cross-entropy in bits per label as training goes, beside the best codebook that sees no image."""

import dataclasses

import jax
import numpy as np
from mle_is_kl.checks import Check

import xentjax as xj

from .digits import CLASSES
from .trainings import Trainings, softmax_loss


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Bits per label.

    Attributes:
      steps: after how many updates.
      training: of the minibatches since the report before.
      library: of the held-out labels, as `train` reports it.
      loop: of the held-out labels, by optax's loss and the weights of the loop.
      codebook: of the held-out labels by a `Categorical` fitted to them without images.
      entropy: of the frequencies of the held-out labels.
    """

    steps: np.ndarray
    training: np.ndarray
    library: np.ndarray
    loop: np.ndarray
    codebook: float
    entropy: float


def codebook(run: Trainings) -> xj.Fit:
    return xj.fit_mle(xj.Categorical(np.zeros(CLASSES)), run.data.held_out[1])


def measure(run: Trainings) -> HeldOut:
    loss = jax.jit(softmax_loss)
    steps = np.array([int(training.step) for training in run.reports])
    loop = np.array([loss(run.loss[step - 1], *run.data.held_out) for step in steps])
    training, library = (
        np.array([getattr(each, name) for each in run.reports]) for name in ("cross_entropy", "held_out")
    )
    frequencies = np.bincount(run.data.held_out[1], minlength=CLASSES) / len(run.data.held_out[1])
    bits = map(xj.in_bits, (training, library, loop, codebook(run).cross_entropy, xj.entropy(frequencies)))
    return HeldOut(steps, *map(np.asarray, bits))


def checks(found: HeldOut) -> list[Check]:
    apart = np.max(np.abs(found.library - found.loop) / found.loop)
    best = "no code that sees no image does better than the entropy of the labels"
    return [
        Check(
            "the library's report beside optax's loss of the loop: relative", apart, 0, 1e-10, "as close as the weights"
        ),
        Check("codebook without images − entropy of the labels", abs(found.codebook - found.entropy), 0, 1e-14, best),
        Check(
            "bits per label that the network saves, of the codebook's",
            saved(found),
            2.5,
            np.log2(CLASSES),
            "ten classes cost log₂ 10 at most",
        ),
    ]


def saved(found: HeldOut) -> float:
    return float(found.codebook - found.library[-1])


def words(found: HeldOut) -> str:
    rows = [0, 1, 2, 3, 5, 9, len(found.steps) - 1]
    least = found.steps[np.argmin(found.library)]
    lines = [f"{'updates':>9}{'training':>10}{'held-out':>10}   bits per label"]
    lines += [f"{found.steps[i]:>9}{found.training[i]:>10.4f}{found.library[i]:>10.4f}" for i in rows]
    lines.append(f"{'codebook':>9}{'':>10}{found.codebook:>10.4f}   without images: the entropy of the labels")
    lines.append(f"Least of these reports after {least} updates: past it the network only grows more sure.")
    return "\n".join(lines)
