"""What is certified and what is not: a temperature and a codebook reach their minimum, of a network none is claimed."""

import dataclasses

import numpy as np
from mle_is_kl.checks import GAP, Check, certified_gap

import xentjax as xj
from xentjax.estimators import Training

from .calibration import scored, temperature
from .held_out import codebook
from .trainings import Trainings

NEWTON_STEPS = 5


@dataclasses.dataclass(frozen=True)
class Certified:
    """The last state of the training; a fit that goes on from there, for a few steps of Newton's; and two small fits.

    Attributes:
      wrong: how many of the labels that it was trained on the network gets wrong.
    """

    training: Training
    wrong: int
    network: xj.Fit
    temperature: xj.Fit
    codebook: xj.Fit


def measure(run: Trainings) -> Certified:
    last = run.reports[-1]
    network = xj.fit_mle(last.model, run.data.training, max_steps=NEWTON_STEPS)
    rows, labels = scored(run, run.data.training)
    wrong = int(np.sum(np.argmax(rows, 1) != labels))
    return Certified(last, wrong, network, temperature(run), codebook(run))


def checks(found: Certified) -> list[Check]:
    claims = sum(hasattr(found.training, name) for name in ("status", "gap", "converged"))
    gap = max(certified_gap(found.temperature), certified_gap(found.codebook))
    apart = "told apart by margins, which larger weights widen: there is no minimum"
    return [
        Check("temperature and codebook: the largest gap, in nats", gap, 0, GAP, "what a fit promises by default"),
        Check("network, trained: how many of status, gap, converged it claims", claims, 0, 0, "nothing was looked at"),
        Check("network: how many training labels it gets wrong", found.wrong, 0, 0, apart),
        Check(
            "network, a few steps on: whether it says converged",
            float(found.network.converged),
            0,
            0,
            "its gap is open",
        ),
    ]


def words(found: Certified) -> str:
    fits = {
        "codebook": found.codebook,
        "temperature": found.temperature,
        f"network, {NEWTON_STEPS} steps on": found.network,
    }
    lines = [f"{'network, trained':<21}{repr(found.training).removeprefix('Training ')}"]
    for name, fit in fits.items():
        status = repr(fit).splitlines()[0].split(": ", 1)[1]
        lines.append(f"{name:<21}{status}; gap {float(fit.gap):.1e} nats")
    return "\n".join(lines)
