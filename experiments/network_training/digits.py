"""The digits in three parts: to train on, to fit the temperature on, and to judge by."""

from typing import NamedTuple

import numpy as np
from mle_is_kl import datasets

CLASSES = 10
TRAINING, CALIBRATION = 200, 500  # few to train on, so that the network is sure of more than it knows


class Digits(NamedTuple):
    """Pairs (pixels [n, 64] from 0 to 1, labels [n])."""

    training: tuple[np.ndarray, np.ndarray]
    calibration: tuple[np.ndarray, np.ndarray]
    held_out: tuple[np.ndarray, np.ndarray]


def digits() -> Digits:
    table = datasets.columns("digits8x8")
    labels = table["label"].astype(int)
    pixels = np.stack([table[name] for name in table.dtype.names if name != "label"], 1) / 16
    # the rows are in the order of the writers
    order = np.random.default_rng(0).permutation(len(labels))
    parts = np.split(order, [TRAINING, TRAINING + CALIBRATION])
    return Digits(*((pixels[rows], labels[rows]) for rows in parts))
