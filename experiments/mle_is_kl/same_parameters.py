"""One minimum, six ways to it: likelihood and KL, by formula, Newton, L-BFGS and Adam, give the same parameters."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import xentjax as xj

from . import datasets
from .checks import GAP, Check, certified_gap, distance, distance_allowed

CLOSED_FORM, LBFGS, ADAM, KL_FIT, KL_SUM = "closed form", "L-BFGS", "Adam", "KL to histogram", "KL as a sum"
ROUTES = (CLOSED_FORM, LBFGS, ADAM, KL_FIT, KL_SUM)

lbfgs = optax.lbfgs()
# a step moves each parameter by up to the learning rate, so that must reach from the starts below to the answers
adam = optax.adam(optax.exponential_decay(0.3, transition_steps=200, decay_rate=0.5))


@dataclasses.dataclass(frozen=True)
class Case:
    """Data, a model to fit, a start away from the answer, and the textbook's formula where there is one."""

    title: str
    data: np.ndarray
    model: Any
    start: Any
    formula: Callable[[np.ndarray], Any] | None = None


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far each route ended from the Newton fit, in standard errors and in units in the last place."""

    title: str
    observations: float
    gaps: tuple[float, float]  # of the Newton fit, and the largest of the others
    in_errors: dict[str, float]
    in_ulps: dict[str, float]


def cases() -> list[Case]:
    counts, miles, minutes = datasets.discoveries(), datasets.rivers(), datasets.waiting()
    words, frequencies = datasets.word_counts()
    common = np.repeat(np.arange(20), frequencies[:20])
    letters = np.repeat([len(word) for word in words], frequencies)
    alike = xj.Categorical(np.zeros(20))
    humps = xj.Mixture(np.array([0.5, 0.5]), xj.Normal(np.array([50.0, 90.0]), np.array([10.0, 10.0])))
    return [
        Case("discoveries ~ Poisson", counts, xj.Poisson, xj.Poisson(1.0), lambda x: xj.Poisson(x.mean())),
        Case("discoveries ~ NegativeBinomial", counts, xj.NegativeBinomial, xj.NegativeBinomial(1.0, 1.0)),
        Case("rivers ~ Gamma", miles, xj.Gamma, xj.Gamma(1.0, 0.01)),
        Case("rivers ~ LogNormal", miles, xj.LogNormal, xj.LogNormal(5.0, 1.0), mean_and_deviation_of_logs),
        Case("waiting ~ Normal", minutes, xj.Normal, xj.Normal(60.0, 10.0), lambda x: xj.Normal(x.mean(), x.std())),
        Case("waiting ~ two Normals", minutes, humps, humps),
        Case("letters ~ Geometric", letters - 1, xj.Geometric, xj.Geometric(0.5), one_over_mean),
        Case("words ~ Categorical", common, alike, alike, log_frequencies),
    ]


def one_over_mean(x: np.ndarray) -> xj.Geometric:
    return xj.Geometric(1 / (1 + x.mean()))


def mean_and_deviation_of_logs(x: np.ndarray) -> xj.LogNormal:
    return xj.LogNormal(np.log(x).mean(), np.log(x).std())


def log_frequencies(x: np.ndarray) -> xj.Categorical:
    """Logits are given up to a constant; a fit has the last at 0."""
    counts = np.bincount(x)
    return xj.Categorical(np.log(counts / counts[-1]))


def kl_as_a_sum(model: Any, values: jax.Array, p: jax.Array) -> jax.Array:
    """Σ p̃ log(p̃ / q) over the distinct values; where q is a density, up to a constant free of its parameters."""
    return jnp.sum(p * (jnp.log(p) - jax.vmap(model.log_prob)(values)))


def agreement(case: Case) -> Agreement:
    """Fit by every route and compare with `fit_mle` by Newton's method from the data."""
    values, counts = np.unique(case.data, return_counts=True)
    newton = xj.fit_mle(case.model, case.data)
    fits = {
        LBFGS: xj.fit_mle(case.start, case.data, optimizer=lbfgs),
        ADAM: xj.fit_mle(case.start, case.data, optimizer=adam),
        KL_FIT: xj.fit_kl(case.start, xj.Empirical(values, counts.astype(float))),
        KL_SUM: xj.minimize(kl_as_a_sum, case.start, values, counts / counts.sum()),
    }
    models = {route: fit.params if route == KL_SUM else fit.model for route, fit in fits.items()}
    if case.formula is not None:
        models = {CLOSED_FORM: case.formula(case.data)} | models
    distances = {route: distance(model, newton.model, newton.standard_errors()) for route, model in models.items()}
    return Agreement(
        case.title,
        float(newton.observations),
        (certified_gap(newton), max(map(certified_gap, fits.values()))),
        {route: in_errors for route, (in_errors, _) in distances.items()},
        {route: in_ulps for route, (_, in_ulps) in distances.items()},
    )


def measure() -> list[Agreement]:
    # most of the time is compilation, which runs beside other threads
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(agreement, cases()))


def checks(agreements: list[Agreement]) -> list[Check]:
    gap = max(max(a.gaps) for a in agreements)
    return [
        Check("the largest gap of any of these fits, in nats", gap, 0, GAP, "what a fit promises by default"),
        *(
            Check(
                f"{a.title}: {len(a.in_errors)} other fits, in standard errors ({max(a.in_ulps.values()):.0f} ulp)",
                max(a.in_errors.values()),
                0,
                distance_allowed(a.observations, *a.gaps),
                "√n (√2gap + √2gap′ + 256 ε): what their gaps imply",
            )
            for a in agreements
        ),
    ]
