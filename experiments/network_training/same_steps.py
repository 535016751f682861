"""The library's training is the loop that people write: after every update the same parameters, to rounding."""

import dataclasses

import jax
import numpy as np
from mle_is_kl.checks import Check

from .trainings import Trainings, params_of

# A single minibatch of other images makes about 1e13 of them.
ULPS = 1e4


@dataclasses.dataclass(frozen=True)
class SameSteps:
    """How far the loop is from the library after each update, in units in the last place of the largest parameter.

    Attributes:
      log_prob: of the loop with the library's formula for the loss.
      loss: of the loop with optax's loss.
    """

    log_prob: np.ndarray
    loss: np.ndarray


def distance(params: dict, reference: dict) -> float:
    ours, theirs = (np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(p)]) for p in (params, reference))
    return float(np.max(np.abs(ours - theirs)) / np.spacing(np.max(np.abs(theirs))))


def measure(run: Trainings) -> SameSteps:
    library = [params_of(training) for training in run.steps]
    loops = (run.log_prob, run.loss)
    return SameSteps(*(np.array([distance(*pair) for pair in zip(library, loop, strict=True)]) for loop in loops))


def checks(found: SameSteps) -> list[Check]:
    same = "the same formula: bit-equal where XLA compiles it alike"
    close = "one loss in two orders of rounding, which Adam magnifies where gradients are nearly 0"
    after = f"over {len(found.loss)} updates, in ulp of the largest parameter"
    return [
        Check(f"loop with −log_prob: farthest {after}", found.log_prob.max(), 0, ULPS, same),
        Check(f"loop with optax's loss: farthest {after}", found.loss.max(), 0, ULPS, close),
        Check("loop with optax's loss: at the end", found.loss[-1], 0, ULPS, close),
    ]


def words(found: SameSteps) -> str:
    equal = int(np.sum(found.log_prob == 0))
    return f"Bit-equal to the loop with the library's formula after {equal} of {len(found.log_prob)} updates."
