"""The picture: six panels, one for each thing the experiment shows."""

import pathlib
from typing import Any

import jax
import matplotlib
import numpy as np

import xentjax as xj

from . import datasets, known_truth, same_parameters
from .checks import GAP, distance_allowed
from .code_lengths import CodeLengths
from .known_truth import SIZES, Convergence
from .same_parameters import Agreement
from .two_directions import Projections
from .usual_losses import Loss

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Okabe and Ito's colours, which colour-blind readers tell apart
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#666666"
ROUTE_STYLES = {
    same_parameters.CLOSED_FORM: ("D", "black"),
    same_parameters.LBFGS: ("^", BLUE),
    same_parameters.ADAM: ("v", ORANGE),
    same_parameters.KL_FIT: ("o", GREEN),
    same_parameters.KL_SUM: ("s", PURPLE),
}
EXACT = 1e-16  # where differences of exactly 0 are drawn on a logarithmic axis


log_probs = jax.jit(lambda model, points: jax.vmap(model.log_prob)(points))
cross_entropies = jax.jit(jax.vmap(xj.cross_entropy, (None, 0)))


def draw(
    path: pathlib.Path,
    agreements: list[Agreement],
    losses: list[Loss],
    codes: CodeLengths,
    convergence: list[Convergence],
    projections: Projections,
) -> None:
    style = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "axes.titleweight": "bold"}
    with plt.rc_context(style):
        figure = plt.figure(figsize=(17, 9.5), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.1, w_pad=0.1)
        upper, lower = figure.subfigures(2, 1, hspace=0.05)
        panels = [*upper.subplots(1, 3, width_ratios=(1, 1.1, 1)), *lower.subplots(1, 3)]
        one_minimum(panels[0])
        same_answer(panels[1], agreements, losses)
        bits_per_word(panels[2], codes)
        rate(panels[3], convergence)
        excess(panels[4], convergence)
        directions(panels[5], projections)
        figure.savefig(path, dpi=100)
        plt.close(figure)


def _title(axis: Any, letter: str, text: str) -> None:
    axis.set_title(f"{letter}  {text}", loc="left", fontsize=12)


def one_minimum(axis: Any) -> None:
    """The two curves of the claim, for the simplest model."""
    counts = datasets.discoveries()
    p = np.bincount(counts.astype(int)) / len(counts)
    rates = np.linspace(1.6, 5.2, 73)
    cross = np.asarray(cross_entropies(xj.Empirical(counts), xj.Poisson(rates)))
    likelihood = [-np.mean(log_probs(xj.Poisson(rate), counts)) for rate in rates[::6]]
    entropy, best = xj.entropy(p).item(), counts.mean()
    axis.plot(rates, cross, color=BLUE, lw=2.5)
    axis.plot(rates[::6], likelihood, "o", color="black", ms=5)
    axis.plot(rates, cross - entropy, color=RED, lw=2.5)
    axis.plot([best, best], [0, cross.min()], color=GREY, lw=1, ls="--")
    axis.annotate("", (4.8, cross[64] - entropy), (4.8, cross[64]), arrowprops={"arrowstyle": "<->", "color": GREY})
    axis.text(4.74, 1.55, f"H(p̃) = {entropy:.2f}\nfor every λ", color=GREY, ha="right")
    axis.text(best + 0.05, 0.75, f"both least at\nλ = {best:.2f},\nthe mean", color=GREY)
    axis.text(2.2, 2.75, "cross-entropy H(p̃, q)\n(dots: −log-likelihood / n)", color=BLUE)
    axis.text(1.95, 0.6, "KL(p̃‖q)", color=RED)
    axis.set(xlabel="rate λ of a Poisson model q of yearly discoveries", ylabel="nats per observation", ylim=(0, 3.2))
    _title(axis, "A", "One minimum")


def same_answer(axis: Any, agreements: list[Agreement], losses: list[Loss]) -> None:
    rows = [(a.title, a.observations, a.in_errors) for a in agreements]
    rows += [(loss.title.split(": ")[0], loss.observations, {"the usual loss": loss.in_errors}) for loss in losses]
    styles = ROUTE_STYLES | {"the usual loss": ("P", RED)}
    for height, (_, observations, distances) in enumerate(rows):
        axis.plot(distance_allowed(observations, GAP, GAP), height, "|", color=GREY, ms=14, mew=2)
        for offset, (route, distance) in enumerate(distances.items()):
            marker, color = styles[route]
            place = height + 0.13 * (offset - 0.5 * (len(distances) - 1))
            axis.plot(max(distance, EXACT), place, marker, color=color, ms=6, clip_on=False)
    handles = [plt.Line2D([], [], marker=m, color=c, ls="", label=route) for route, (m, c) in styles.items()]
    handles.append(plt.Line2D([], [], marker="|", color=GREY, ls="", ms=12, mew=2, label="allowed by\nthe gap 1e-12"))
    axis.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=10, frameon=False)
    axis.set_yticks(range(len(rows)), [title for title, *_ in rows], fontsize=10)
    axis.invert_yaxis()
    axis.set(xscale="log", xlim=(EXACT, 1e-2), xlabel="distance from fit_mle by Newton, in standard errors")
    axis.set_xticks([EXACT, 1e-12, 1e-8, 1e-4], ["exact", "1e-12", "1e-8", "1e-4"])
    axis.minorticks_off()
    axis.grid(axis="x", color="#dddddd")
    _title(axis, "B", "Whatever the route, the same parameters")


def bits_per_word(axis: Any, codes: CodeLengths) -> None:
    for height, code in enumerate(codes.words):
        entropy, kl = (xj.in_bits(part).item() for part in (code.entropy, code.kl))
        axis.barh(height, entropy, color=BLUE, height=0.6)
        axis.barh(height, kl, left=entropy, color=ORANGE, height=0.6)
        axis.text(entropy + kl + 0.1, height, f"{entropy + kl:.3f}", va="center")
    axis.text(0.2, 0, "entropy H(p̃)", color="white", va="center")
    axis.text(xj.in_bits(codes.words[0].entropy).item() + 0.15, 0, "KL(p̃‖q)", va="center")
    axis.set_yticks(range(len(codes.words)), [code.title.replace(" in", "\nin") for code in codes.words])
    axis.invert_yaxis()
    axis.set(xlabel="bits per word, by a code made for q", xlim=(0, 15))
    _title(axis, "C", "Codes for the words of a novel")


def rate(axis: Any, convergence: list[Convergence]) -> None:
    sizes = np.array(SIZES)
    kinds = ("the model is right", "the model is wrong")
    places = ((110, 0.02), (600, 0.11))
    for found, kind, place, color, marker in zip(convergence, kinds, places, (BLUE, RED), "os", strict=True):
        axis.plot(sizes, found.errors[-1] * (sizes / sizes[-1]) ** -0.5, color=color, lw=1.5)
        axis.plot(sizes, found.errors, marker, color=color, ms=9)
        axis.text(*place, f"{found.title}: {kind}\nexponent −{-found.slope:.3f} (line: −½)", color=color)
    axis.set(xscale="log", yscale="log", xlabel="observations n")
    axis.set_ylabel("relative error of the fit θ̂ₙ,\nfrom the truth's KL projection θ*")
    axis.set_yticks([0.02, 0.05, 0.1, 0.2], ["2 %", "5 %", "10 %", "20 %"])
    axis.minorticks_off()
    _title(axis, "D", "Gamma fits go to the KL projection")


def excess(axis: Any, convergence: list[Convergence]) -> None:
    right, wrong = convergence
    beyond = 1 - np.arange(len(right.excess)) / len(right.excess)
    x = np.linspace(0, 22, 200)
    axis.plot(right.excess, beyond, ".", color=BLUE, ms=5)
    axis.plot(wrong.excess, beyond, ".", color=RED, ms=5)
    for found in convergence:
        axis.plot(x, 1 - known_truth.distribution(found.eigenvalues, x), color="black", lw=1.2)
    small, large = wrong.eigenvalues
    axis.text(1.0, 0.004, "right model:\nχ² with 2 degrees", color=BLUE)
    axis.text(10.5, 0.12, f"wrong model:\n{small:.2f} χ²₁ + {large:.2f} χ²₁", color=RED)
    axis.set(yscale="log", ylim=(6e-4, 1.1), xlim=(0, 22), xlabel="x = 2n · (KL(p‖q) at the fit − its minimum)")
    axis.set_ylabel("share of samples beyond x")
    _title(axis, "E", f"How far from the minimum, at n = {SIZES[-1]}")


def directions(axis: Any, found: Projections) -> None:
    x = np.linspace(-8, 8, 400)

    def density(model: Any) -> np.ndarray:
        return np.exp(log_probs(model, x))

    axis.fill_between(x, density(found.truth), color="#cccccc", label="the truth p")
    axis.plot(x, density(found.forward), color=BLUE, lw=2.5, label="least KL(p‖q): what fit_kl finds")
    for model, line in zip(found.reverse, ("-", "--"), strict=True):
        label = "least KL(q‖p): in one hump" if line == "-" else "  or the other"
        axis.plot(x, density(model), color=RED, ls=line, lw=2, label=label)
    axis.set(xlabel="x", ylabel="density", ylim=(0, 0.85))
    axis.legend(frameon=False, loc="upper left", fontsize=10)
    _title(axis, "F", "KL has a direction")
