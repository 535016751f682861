"""The picture: bits per label as training goes, and the reliability of the network before and after its temperature."""

import pathlib
from typing import Any

import matplotlib
import numpy as np

from .calibration import Calibration
from .held_out import HeldOut

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Okabe and Ito's colours, which colour-blind readers tell apart
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#666666"


def draw(path: pathlib.Path, held_out: HeldOut, calibration: Calibration) -> None:
    style = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "axes.titleweight": "bold"}
    with plt.rc_context(style):
        figure, (left, right) = plt.subplots(1, 2, figsize=(14, 6.5), layout="constrained", width_ratios=(1.25, 1))
        bits(left, held_out, calibration)
        reliability(right, calibration)
        figure.savefig(path, dpi=100)
        plt.close(figure)


def bits(axis: Any, found: HeldOut, calibration: Calibration) -> None:
    axis.axhline(found.codebook, color=GREY, ls="--", lw=1.5)
    axis.plot(found.steps, found.training, color=BLUE, lw=2)
    axis.plot(found.steps, found.library, color=ORANGE, lw=2)
    axis.plot(found.steps, found.loop, "o", color="black", ms=4)
    last = found.steps[-1]
    axis.plot(last, calibration.bits[1], "D", color=GREEN, ms=8, clip_on=False)
    axis.text(last, found.codebook * 0.93, "codebook without images: H(labels)", color=GREY, ha="right", va="top")
    axis.text(last, found.library[-1] * 1.12, "held out (dots: optax and a loop)", color=ORANGE, ha="right")
    axis.text(last, calibration.bits[1] * 0.88, "with its temperature", color=GREEN, ha="right", va="top")
    axis.text(last, found.training[-1] * 1.5, "minibatches", color=BLUE, ha="right")
    axis.set(yscale="log", xlabel="updates", ylabel="cross-entropy, bits per label", xlim=(0, last))
    axis.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    axis.set_title("A  The loss, in bits", loc="left", fontsize=12)


def reliability(axis: Any, found: Calibration) -> None:
    axis.plot([0, 1], [0, 1], color=GREY, lw=1)
    for each, name, color, shift in (
        (found.before, "before", ORANGE, -0.006),
        (found.after, f"logits / {found.fit.model.temperature.item():.2f}", GREEN, 0.006),
    ):
        kept = each.counts > 0
        x, n = each.confidence[kept], each.counts[kept]
        label = f"{name}: calibration error {each.error:.3f}"
        spread = 2 * np.sqrt(x * (1 - x) / n)
        axis.vlines(x + shift, x - spread, np.minimum(x + spread, 1), color=color, alpha=0.35, lw=3)
        axis.scatter(x + shift, each.accuracy[kept], 20 + n / 4, color=color, label=label, zorder=3, alpha=0.9)
    axis.set(xlim=(0.2, 1.02), ylim=(0, 1.03), xlabel="probability that the network gives its answer")
    axis.set_ylabel("share of right answers (areas: how many;\nbars: ±2 standard errors if it were calibrated)")
    axis.legend(frameon=False, loc="upper left")
    axis.set_title("B  How sure, and how often right", loc="left", fontsize=12)
