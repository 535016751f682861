"""A check: one measured number, the range it must lie in, and why that range."""

import dataclasses
from typing import Any

import jax
import numpy as np

EPS = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny)

# What a fit certifies by default: to be at most this many nats above the minimum.
GAP = 1e-12


@dataclasses.dataclass(frozen=True)
class Check:
    """`measured` must lie between `low` and `high`, both included; NaN lies nowhere."""

    claim: str
    measured: float
    low: float
    high: float
    reason: str

    @property
    def holds(self) -> bool:
        return bool(self.low <= self.measured <= self.high)


def table(checks: list[Check], width: int = 82) -> str:
    """One line per check: the claim, what was measured, the range it must lie in, the verdict and the reason."""
    lines, reason = [], None
    for check in checks:
        within = f"[{check.low:.3g}, {check.high:.3g}]"
        verdict = "ok" if check.holds else "FAILS"
        why = check.reason if check.reason != reason else "″"
        lines.append(f"  {check.claim:<{width}}{check.measured:>10.3g}  {within:<22}{verdict:<7}{why}")
        reason = check.reason
    return "\n".join(lines)


def certified_gap(fit: Any) -> float:
    """The gap of a `Fit` or `Minimum`; infinite if it did not converge."""
    return float(fit.gap) if fit.converged else float("inf")


def distance_allowed(observations: float, *gaps: float) -> float:
    """How far apart, in standard errors, two fits with these gaps may lie.

    A gap of ½ d² nats is a distance of d in units of the curvature, which is d √n in standard errors. Past that there
    is rounding, of the sums that make a gradient: 256 ε.
    """
    return observations**0.5 * (sum((2 * gap) ** 0.5 for gap in gaps) + 256 * EPS)


def distance(model: Any, reference: Any, errors: Any) -> tuple[float, float]:
    """The largest difference between the parameters of two models: in standard errors, and in units in the last place.

    A parameter that is held has no standard error and is left out.
    """
    ours, theirs, scale = (_parameters(each) for each in (model, reference, errors))
    moved, free = np.abs(ours - theirs), scale != 0
    return float(np.max(moved[free] / scale[free])), float(np.max(moved / np.spacing(np.abs(theirs))))


def _parameters(model: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(model)])
