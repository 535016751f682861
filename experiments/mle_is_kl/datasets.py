"""The real data; sources and licences are in `data/README.md`."""

import pathlib

import numpy as np

DATA = pathlib.Path(__file__).parent.parent / "data"


def columns(name: str) -> np.ndarray:
    """A table as a structured array: `columns("spector")["GPA"]`."""
    return np.genfromtxt(DATA / f"{name}.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")


def discoveries() -> np.ndarray:
    """Important discoveries in each year from 1860 to 1959: counts [100]."""
    return columns("discoveries_per_year")["discoveries"].astype(float)


def rivers() -> np.ndarray:
    """Lengths of North American rivers, in miles [141]."""
    return columns("rivers")["length_miles"].astype(float)


def waiting() -> np.ndarray:
    """Minutes until the next eruption of Old Faithful [272]."""
    return columns("old_faithful")["waiting"].astype(float)


def word_counts() -> tuple[list[str], np.ndarray]:
    """The different words of Northanger Abbey, commonest first, and how often each occurs."""
    table = columns("word_counts_northanger")
    return [str(word) for word in table["word"]], table["count"]
