"""A training that is saved in the middle and goes on ends as the one that was not interrupted, bit for bit."""

import dataclasses
import io

import jax
import numpy as np
from mle_is_kl.checks import Check

from xentjax.estimators import Training

from .trainings import Trainings, by_library


@dataclasses.dataclass(frozen=True)
class Resumed:
    """How many of the arrays of a state differ in any bit: parameters, optimiser, counts and reports."""

    saved_after: int
    size: int
    arrays: int
    different: int


def save(training: Training) -> bytes:
    file = io.BytesIO()
    np.savez(file, *jax.tree.leaves(training))
    return file.getvalue()


def load(saved: bytes, like: Training) -> Training:
    """The structure is that of any state of the same training; the numbers are those of the file."""
    with np.load(io.BytesIO(saved)) as file:
        return jax.tree.unflatten(jax.tree.structure(like), [file[name] for name in file.files])


def measure(run: Trainings) -> Resumed:
    first, last = run.reports[0], run.reports[-1]
    half = run.reports[len(run.reports) // 2 - 1]
    saved = save(half)
    *_, resumed = by_library(
        load(saved, first), run.data.training, run.key, int(last.step), int(first.step), run.data.held_out
    )
    pairs = list(zip(jax.tree.leaves(last), jax.tree.leaves(resumed), strict=True))
    different = sum(np.asarray(a).tobytes() != np.asarray(b).tobytes() for a, b in pairs)
    return Resumed(int(half.step), len(saved), len(pairs), different)


def checks(found: Resumed) -> list[Check]:
    claim = f"saved after {found.saved_after} updates: of {found.arrays} arrays at the end, how many differ in any bit"
    return [Check(claim, found.different, 0, 0, "the order is a function of the key and the number of updates")]


def words(found: Resumed) -> str:
    return f"What is saved are {found.arrays} arrays, {found.size / 1000:.0f} kB: weights, Adam's moments, counts."
