"""The picture: coefficients on the diagonal, and how far from it they are."""

import pathlib
from typing import Any

import matplotlib
import numpy as np

from .comparison import Comparison

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Okabe and Ito's colours, which colour-blind readers tell apart
COLORS = {"sklearn": "#0072B2", "statsmodels": "#E69F00", "optax": "#009E73", "numpy": "#CC79A7"}
GREY = "#666666"
EXACT = 1e-17  # where differences of exactly 0 are drawn on a logarithmic axis


def draw(path: pathlib.Path, comparisons: list[Comparison]) -> None:
    style = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "axes.titleweight": "bold"}
    with plt.rc_context(style):
        figure, (left, right) = plt.subplots(1, 2, figsize=(16, 8), layout="constrained", width_ratios=(1, 1.1))
        diagonal(left, comparisons)
        differences(right, comparisons)
        figure.savefig(path, dpi=100)
        plt.close(figure)


def _color(comparison: Comparison) -> str:
    return COLORS[comparison.by.split()[0]]


def diagonal(axis: Any, comparisons: list[Comparison]) -> None:
    for each in comparisons:
        axis.plot(np.abs(each.theirs), np.abs(each.ours), "o", color=_color(each), ms=5, alpha=0.6, mew=0)
    ends = np.array([1e-7, 1e3])
    axis.plot(ends, ends, color=GREY, lw=1, zorder=0)
    handles = [plt.Line2D([], [], marker="o", ls="", color=color, label=who) for who, color in COLORS.items()]
    axis.legend(handles=handles, title="loss minimised by", frameon=False, loc="upper left")
    axis.set(xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel="|coefficient| that minimises the loss")
    axis.set_ylabel("|coefficient| of the model's fit")
    count = sum(each.theirs.size for each in comparisons)
    axis.set_title(f"A  {count} coefficients", loc="left", fontsize=12)


def differences(axis: Any, comparisons: list[Comparison]) -> None:
    for height, each in enumerate(comparisons):
        axis.plot(max(each.difference, EXACT), height, "o", color=_color(each), ms=8, clip_on=False)
        if each.range[0] > 0:
            axis.plot(each.range[0], height, "|", color=GREY, ms=14, mew=2)
    names = [f"{each.loss} ↔ {each.model}\n{each.title}" for each in comparisons]
    axis.set_yticks(range(len(names)), names, fontsize=9)
    axis.invert_yaxis()
    axis.set(xscale="log", xlim=(EXACT, 1e-4), xlabel="largest relative difference (bar: allowed; left edge: none)")
    axis.set_title("B  How far from the diagonal", loc="left", fontsize=12)
