"""A check: one measured number, the range it must lie in, and why that range."""

import dataclasses
from typing import Any

import jax
import numpy as np

EPS = float(np.finfo(np.float64).eps)

# What a fit certifies by default: at most this many nats above the minimum.
GAP = 1e-12


@dataclasses.dataclass(frozen=True)
class Check:
    """`measured` must lie between `low` and `high`; NaN lies nowhere."""

    claim: str
    measured: float
    low: float
    high: float
    reason: str

    @property
    def holds(self) -> bool:
        return bool(self.low <= self.measured <= self.high)


def distance_allowed(observations: float) -> float:
    """How far apart, in standard errors, two fits of the same likelihood may end.

    A gap of ½ d² nats is a distance of d in units of the curvature, and d √n in standard errors. The last Newton step
    squares d, up to a factor of the third derivative, for which 10 is allowed.
    """
    return 10 * (2 * GAP) * observations**0.5


def distance(model: Any, reference: Any, errors: Any) -> tuple[float, float]:
    """The largest difference between the parameters of two models: in standard errors, and in units in the last place.

    A parameter that is held has no standard error and is left out.
    """
    ours, theirs, scale = (np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(m)]) for m in (model, reference, errors))
    moved, free = np.abs(ours - theirs), scale != 0
    return float(np.max(moved[free] / scale[free])), float(np.max(moved / np.spacing(np.abs(theirs))))
