"""From a known truth p, maximum likelihood goes to the KL projection of p as data accumulate, at the rate of theory.

θ̂ₙ → θ* = argmin KL(p‖q_θ), with an error of order n^(−½), whether p belongs to the family or not. The excess
divergence, 2n (KL(p‖q_θ̂) − KL(p‖q_θ*)), goes to Σ λᵢ χ²₁, where λ are the eigenvalues of H⁻¹J: H the Hessian of the
cross-entropy and J the covariance of the score at θ*. For a right model they are all 1: Wilks' χ² with k degrees.

Reference: White (1982), Maximum likelihood estimation of misspecified models, Econometrica 50.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import xentjax as xj
from xentjax.statistics import identity, log

from .checks import Check

SIZES = (100, 1000, 10_000)
REPLICATES = 2000

# Kolmogorov's distance that one sample in a thousand exceeds.
CRITICAL = (0.5 * np.log(2 / 0.001) / REPLICATES) ** 0.5

fit_many = jax.jit(jax.vmap(lambda x: xj.fit_mle(xj.Gamma, x)))
cross_entropies = jax.jit(jax.vmap(xj.cross_entropy, (None, 0)))


@dataclasses.dataclass(frozen=True)
class Convergence:
    """Fits of the gamma family to samples from a known truth, against the projection of that truth."""

    title: str
    projection: xj.Gamma
    moment_error: float  # of E x and E log x, which a projection onto the gamma family keeps
    uncertified: int
    errors: np.ndarray  # root mean square relative error of the parameters, for each of SIZES
    eigenvalues: np.ndarray
    excess: np.ndarray  # 2n (KL(p‖q_θ̂) − KL(p‖q_θ*)) at the largest n, sorted [REPLICATES]

    @property
    def slope(self) -> float:
        """The exponent a of error ∝ n^a, by least squares."""
        return float(np.polyfit(np.log(SIZES), np.log(self.errors), 1)[0])


def sandwich_eigenvalues(truth: Any, projection: xj.Fit) -> np.ndarray:
    """The eigenvalues of H⁻¹J at the projection."""
    free, constrain = xj.unconstrain(projection.model)
    point, unravel = ravel_pytree(free)

    def score_squared(x: jax.Array) -> jax.Array:
        score = jax.grad(lambda point: constrain(unravel(point)).log_prob(x))(point)
        return jnp.outer(score, score)

    covariance = jax.jit(lambda truth: xj.quadrature(truth).expect(score_squared))(truth)
    return np.sort(np.linalg.eigvals(np.linalg.solve(projection.curvature, covariance)).real)


def distribution(eigenvalues: np.ndarray, x: np.ndarray) -> np.ndarray:
    """P(λ₁ Z₁² + λ₂ Z₂² ≤ x) for independent standard normal Z: in polar coordinates, a mean over the angle."""
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    directions = eigenvalues[0] * np.cos(angles) ** 2 + eigenvalues[1] * np.sin(angles) ** 2
    return 1 - np.exp(-0.5 * x[:, None] / directions).mean(-1)


def kolmogorov(sample: np.ndarray, eigenvalues: np.ndarray) -> float:
    """The largest distance between the distribution of a sorted sample and that of λ₁ Z₁² + λ₂ Z₂²."""
    expected = distribution(eigenvalues, sample)
    steps = np.arange(len(sample) + 1) / len(sample)
    return float(max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))


def convergence(title: str, truth: Any, draw: Any) -> Convergence:
    """`draw(shape)` samples the truth, by a generator that owes nothing to this toolkit."""
    found = xj.fit_kl(xj.Gamma, truth).check()
    projection = found.model
    fits = [fit_many(draw((REPLICATES, n))) for n in SIZES]
    excess = cross_entropies(truth, fits[-1].model) - xj.cross_entropy(truth, projection)
    moments = [abs(float(truth.expect(f) - projection.expect(f))) for f in (identity, log)]
    return Convergence(
        title,
        projection,
        max(moments),
        sum(int(np.sum(~fit.converged)) for fit in fits),
        np.array([relative_error(fit.model, projection) for fit in fits]),
        sandwich_eigenvalues(truth, found),
        np.sort(2 * SIZES[-1] * np.asarray(excess)),
    )


def relative_error(models: xj.Gamma, projection: xj.Gamma) -> float:
    """Root mean square over replicates and parameters, of the difference of logarithms."""
    pairs = zip(jax.tree.leaves(models), jax.tree.leaves(projection), strict=True)
    return float(np.sqrt(np.mean([np.log(np.asarray(ours) / theirs) ** 2 for ours, theirs in pairs])))


def measure() -> list[Convergence]:
    rng = np.random.default_rng(7)
    return [
        convergence("gamma data", xj.Gamma(3.0, 2.0), lambda shape: rng.gamma(3.0, 1 / 2.0, shape)),
        convergence("log-normal data", xj.LogNormal(0.0, 0.8), lambda shape: rng.lognormal(0.0, 0.8, shape)),
    ]


def checks(measured: list[Convergence]) -> list[Check]:
    _, wrong = measured
    control = kolmogorov(wrong.excess, np.ones(2))
    return [
        *(check for found in measured for check in _checks(found)),
        Check("control: χ²₂ is rejected for the wrong model", control, CRITICAL, 1, "past the critical value"),
    ]


def _checks(found: Convergence) -> list[Check]:
    fits = f"Gamma fits to {found.title}: "
    moments = f"{fits}E x and E log x, the truth's − the projection's"
    expected = found.eigenvalues.sum()
    # the variance of χ²₁ is 2
    spread = 4 * np.sqrt(2 * np.sum(found.eigenvalues**2) / REPLICATES)
    mean, apart = found.excess.mean(), kolmogorov(found.excess, found.eigenvalues)
    return [
        Check(f"{fits}without certificate", found.uncertified, 0, 0, f"of {REPLICATES * len(SIZES)}"),
        Check(moments, found.moment_error, 0, 1e-11, "certified, then one Newton step more"),
        Check(f"{fits}exponent of the error in n", found.slope, -0.53, -0.47, "−½; sampling 0.02, higher order 0.01"),
        Check(f"{fits}mean of 2n · excess KL", mean, expected - spread, expected + spread, "Σλ ± 4 standard errors"),
        Check(f"{fits}its Kolmogorov distance to Σ λ χ²₁", apart, 0, CRITICAL, "exceeded once in 1000"),
    ]
