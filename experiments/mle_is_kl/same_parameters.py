"""One minimum, six ways to it: maximum likelihood and KL minimisation give the same parameters on real data."""

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
from .checks import Check, distance, distance_allowed

CLOSED_FORM, LBFGS, ADAM, KL_FIT, KL_SUM = "closed form", "L-BFGS", "Adam", "KL to histogram", "KL as a sum"
ROUTES = (CLOSED_FORM, LBFGS, ADAM, KL_FIT, KL_SUM)

lbfgs = optax.lbfgs()
adam = optax.adam(optax.exponential_decay(0.1, transition_steps=200, decay_rate=0.5))


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
    certified: bool
    in_errors: dict[str, float]
    in_ulps: dict[str, float]


def cases() -> list[Case]:
    counts, miles, minutes = datasets.discoveries(), datasets.rivers(), datasets.waiting()
    words, frequencies = datasets.word_counts()
    common = np.repeat(np.arange(20), frequencies[:20])
    letters = np.repeat([len(word) for word in words], frequencies)
    humps = xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array([50.0, 90.0]), jnp.array([10.0, 10.0])))
    return [
        Case("discoveries ~ Poisson", counts, xj.Poisson, xj.Poisson(1.0), lambda x: xj.Poisson(x.mean())),
        Case("discoveries ~ NegativeBinomial", counts, xj.NegativeBinomial, xj.NegativeBinomial(1.0, 1.0)),
        Case("rivers ~ Exponential", miles, xj.Exponential, xj.Exponential(0.01), lambda x: xj.Exponential(1 / x.mean())),
        Case("rivers ~ Gamma", miles, xj.Gamma, xj.Gamma(1.0, 0.01)),
        Case("rivers ~ LogNormal", miles, xj.LogNormal, xj.LogNormal(5.0, 1.0), _log_normal),
        Case("rivers ~ Weibull", miles, xj.Weibull, xj.Weibull(1.0, 100.0)),
        Case("log rivers ~ StudentT", np.log(miles), xj.StudentT, xj.StudentT(4.0, 5.0, 1.0)),
        Case("waiting ~ Normal", minutes, xj.Normal, xj.Normal(60.0, 10.0), lambda x: xj.Normal(x.mean(), x.std())),
        Case("waiting ~ 2 Normals", minutes, humps, humps),
        Case("words ~ Categorical(20)", common, _uniform(20), _uniform(20), _log_frequencies),
        Case("letters ~ Geometric", letters - 1, xj.Geometric, xj.Geometric(0.5), lambda x: xj.Geometric(1 / (1 + x.mean()))),
    ]


def _uniform(size: int) -> xj.Categorical:
    return xj.Categorical(jnp.zeros(size))


def _log_normal(x: np.ndarray) -> xj.LogNormal:
    return xj.LogNormal(np.log(x).mean(), np.log(x).std())


def _log_frequencies(x: np.ndarray) -> xj.Categorical:
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
    }
    by_sum = xj.minimize(kl_as_a_sum, case.start, values, counts / counts.sum())
    models = {route: fit.model for route, fit in fits.items()} | {KL_SUM: by_sum.params}
    if case.formula is not None:
        models = {CLOSED_FORM: case.formula(case.data)} | models
    distances = {route: distance(model, newton.model, newton.standard_errors()) for route, model in models.items()}
    return Agreement(
        case.title,
        float(newton.observations),
        all(bool(fit.converged) for fit in (newton, *fits.values(), by_sum)),
        {route: in_errors for route, (in_errors, _) in distances.items()},
        {route: in_ulps for route, (_, in_ulps) in distances.items()},
    )


def measure() -> list[Agreement]:
    # most of the time is compilation, which runs beside other threads
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(agreement, cases()))


def checks(agreements: list[Agreement]) -> list[Check]:
    certified = sum(a.certified for a in agreements)
    total = len(agreements)
    return [
        Check("rows in which every fit is certified", certified, total, total, "a gap of at most 1e-12 nats each"),
        *(
            Check(
                f"{a.title}: largest difference / standard error",
                max(a.in_errors.values()),
                0.0,
                distance_allowed(a.observations),
                "10 · 2e-12 · √n: the certified gap, then one Newton step",
            )
            for a in agreements
        ),
    ]
