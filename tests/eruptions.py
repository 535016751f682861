"""Eruptions of Old Faithful, and mixtures of normals fitted to them by the textbook's EM."""

from pathlib import Path

import numpy as np
import scipy.stats as st

ERUPTIONS = np.loadtxt(
    Path(__file__).parent.parent / "experiments" / "data" / "old_faithful.csv", delimiter=",", skiprows=1
)
WAITING = ERUPTIONS[:, 1]


def em_in_numpy(x, groups, steps):
    """Weights, means, covariances and the log-likelihood of normals by the textbook's steps, from groups [n, k]."""
    shares, n = groups, len(x)
    for _ in range(steps):
        total = shares.sum(0)
        means = (shares.T @ x) / total[:, None]
        spreads = [(s[:, None] * (x - m)).T @ (x - m) / s.sum() for s, m in zip(shares.T, means, strict=True)]
        pairs = list(zip(means, spreads, strict=True))
        joint = np.stack([st.multivariate_normal(m, c).pdf(x) for m, c in pairs], 1) * total / n
        shares = joint / joint.sum(1, keepdims=True)
    return total / n, means, np.array(spreads), np.log(joint.sum(1)).sum()
