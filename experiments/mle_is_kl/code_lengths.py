"""Cross-entropy is entropy plus KL, and −log-likelihood / n: to rounding, in nats and as bits of a code for words."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import xentjax as xj

from . import datasets
from .checks import EPS, TINY, Check


@xj.record
class ZipfMandelbrot:
    """log q(r) = −exponent · log(r + shift) − log Σⱼ (j + shift)^(−exponent), for the ranks r = 0, ..., size − 1."""

    exponent: xj.Parameter = xj.positive(1.0)
    shift: xj.Parameter = xj.positive(1.0)
    size: int = xj.static(2)

    def log_prob(self, rank: jax.Array) -> jax.Array:
        log_weights = -self.exponent * jnp.log(jnp.arange(self.size, dtype=float) + self.shift)
        return jax.nn.log_softmax(log_weights)[rank.astype(int)]


@dataclasses.dataclass(frozen=True)
class Split:
    """A model's cross-entropy to data and its two parts, each by a function of its own; nats per observation."""

    title: str
    entropy: float
    kl: float
    cross_entropy: float
    minus_log_likelihood: float

    def __str__(self) -> str:
        in_bits = (xj.in_bits(part).item() for part in (self.entropy, self.kl, self.cross_entropy))
        return self.title + ": {:.3f} + {:.3f} = {:.3f} bits".format(*in_bits)

    @property
    def error(self) -> float:
        """The largest of the differences that should be 0, in roundings of the cross-entropy."""
        sum_of_parts = self.entropy + self.kl - self.cross_entropy
        likelihood = self.minus_log_likelihood - self.cross_entropy
        return max(abs(sum_of_parts), abs(likelihood)) / (EPS * self.cross_entropy)


@dataclasses.dataclass(frozen=True)
class CodeLengths:
    """Splits for yearly counts, splits for words by rank, and what a thousand other codes cost beyond the entropy."""

    discoveries: list[Split]
    words: list[Split]
    own_excess: float
    least_excess: float


def split(title: str, model: Any, counts: np.ndarray) -> Split:
    """How H(p̃, q) splits, for a model q of the values 0, 1, ..., k − 1 that were seen `counts` times [k]."""
    log_q, *parts = measures(model, counts.astype(float))
    return Split(title, *map(float, parts), -float(np.mean(np.repeat(log_q, counts))))


@jax.jit
def measures(model: Any, counts: jax.Array) -> tuple[jax.Array, ...]:
    """log q of each value, H(p̃), KL(p̃‖q) from the probabilities, and H(p̃, q) from the model."""
    values = jnp.arange(len(counts), dtype=float)
    log_q = jax.vmap(model.log_prob)(values)
    # one more outcome for what the model gives to values that were never seen
    p = jnp.append(counts / counts.sum(), 0.0)
    q = jnp.append(jnp.exp(log_q), jnp.maximum(0.0, 1 - jnp.exp(log_q).sum()))
    return log_q, xj.entropy(p), xj.kl_divergence(p, q), xj.cross_entropy(xj.Empirical(values, counts), model)


def other_codes(p: np.ndarray, number: int = 1000) -> np.ndarray:
    """Probability vectors [number, k] at distances from p of a millionth up to one."""
    rng = np.random.default_rng(1)
    sizes = np.logspace(-6, 0, number)[:, None]
    q = p * np.exp(sizes * rng.standard_normal((number, len(p))))
    return q / q.sum(-1, keepdims=True)


def measure() -> CodeLengths:
    years = datasets.discoveries()
    per_year = np.bincount(years.astype(int))
    families = (xj.Poisson, xj.Geometric, xj.NegativeBinomial)
    _, counts = datasets.word_counts()
    ranks, tokens = np.arange(len(counts), dtype=float), counts.astype(float)
    zipf = ZipfMandelbrot(size=len(counts))
    codes = {
        "all words alike": xj.Categorical(np.zeros(len(counts))),
        "Geometric in the rank": xj.fit_mle(xj.Geometric, ranks, weights=tokens).check().model,
        "Zipf-Mandelbrot": xj.fit_mle(zipf, ranks, weights=tokens).check().model,
        "the novel's own": xj.Categorical.from_probs(counts / counts.sum()),
    }
    p = per_year[per_year > 0] / per_year.sum()
    return CodeLengths(
        [split(family.__name__, xj.fit_mle(family, years).check().model, per_year) for family in families],
        [split(title, model, counts) for title, model in codes.items()],
        xj.cross_entropy(p, p).item() - xj.entropy(p).item(),
        xj.kl_divergence(p, other_codes(p)).min().item(),
    )


def checks(measured: CodeLengths) -> list[Check]:
    splits = [("discoveries", found) for found in measured.discoveries] + [("words", found) for found in measured.words]
    least = "H(p, q) − H(p) for 1000 codes q ≠ p: the least"
    return [
        *(
            Check(f"{data} ~ {found}; error in roundings", found.error, 0, 32, "two sums, each 16 levels deep")
            for data, found in splits
        ),
        Check("H(p, p) − H(p): equality at q = p", measured.own_excess, -EPS, EPS, "one rounding"),
        Check(least, measured.least_excess, TINY, np.inf, "> 0, though the nearest is 1e-6 away"),
    ]
