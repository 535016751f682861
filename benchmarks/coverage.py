"""Coverage of 95-percent intervals: how often they hold the truth, by model, parameter, size and kind of interval.

First Wald intervals from the observed information and from the sandwich, and profile likelihood, of 10,000 data sets
at each size, or as many as the argument says. Then the same for wrong models, where the truth is the closest member of
the family, that of `fit_kl`. Last the Bayesian bootstrap, by percentiles and by BCa: a 20th as many data sets, of 200
refits each.

Each share in percent stands with its Monte-Carlo standard error. Fits that did not converge have no intervals: they are
left out, and counted under "other". A profile interval that was not found covers nothing, and is counted under "none".
"""

import functools
import os
import sys
import time
from typing import Any

# each program runs once: compiling plainly takes half the time
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

import jax
import jax.numpy as jnp
import numpy as np

import xentjax as xj
from xentjax import inference

# before the models below, whose numbers take the type of this moment
jax.config.update("jax_enable_x64", True)

REFITS = 200
SIZES = (20, 50, 200)
RIGHT = (
    xj.Normal(1.0, 2.0),
    xj.Gamma(2.5, 1.3),
    xj.Poisson(3.0),
    xj.Beta(2.0, 3.0),
    xj.Weibull(1.5, 2.0),
    xj.NegativeBinomial(4.0, 0.5),
)
# the model, and where the data come from
WRONG = (
    (xj.Poisson, xj.NegativeBinomial(4.0, 0.5)),
    (xj.Exponential, xj.Gamma(0.5, 1.0)),
    (xj.Normal, xj.Gamma(2.0, 1.0)),
)


def covers(interval: tuple[Any, Any], truth: Any) -> dict[str, jax.Array]:
    low, high = map(vars, interval)
    return {name: (low[name] <= value) & (value <= high[name]) for name, value in vars(truth).items()}


def by_curvature(target: Any, x: jax.Array, weights: jax.Array) -> dict[str, Any]:
    fit = xj.fit_mle(type(target), x, weights=weights)
    robust = inference.sandwich_covariance(fit, x, weights)
    ends = {name: inference.profile_interval(fit, x, name, weights=weights) for name in vars(target)}
    low, high = (type(target)(*side) for side in zip(*ends.values(), strict=True))
    return {
        "status": fit.status,
        "none": {name: jnp.isnan(lower) | jnp.isnan(upper) for name, (lower, upper) in ends.items()},
        "Wald": covers(fit.interval(), target),
        "sandwich": covers(inference.wald_interval(fit, robust), target),
        "profile": covers((low, high), target),
    }


def by_refits(target: Any, x: jax.Array, key: jax.Array) -> dict[str, Any]:
    fit = xj.fit_mle(type(target), x)
    replicates = inference.bootstrap(fit, x, key, REFITS)
    return {
        "status": fit.status,
        "percentile": covers(replicates.percentile_interval(), target),
        "BCa": covers(replicates.bca_interval(x), target),
    }


@functools.partial(jax.jit, static_argnums=3)
def curvatures(source: Any, target: Any, n: Any, count: int) -> dict[str, Any]:
    """Of `count` data sets, a thousand at a time. Of the most observations n count: one program serves all sizes."""

    def one(key: jax.Array) -> dict[str, Any]:
        return by_curvature(target, source.sample(key, SIZES[-1:]), jnp.where(jnp.arange(SIZES[-1]) < n, 1.0, 0.0))

    return jax.lax.map(one, jax.random.split(jax.random.key(0), count), batch_size=1000)


@functools.partial(jax.jit, static_argnums=(2, 3))
def refits(source: Any, target: Any, n: int, count: int) -> dict[str, Any]:
    """Of `count` data sets, fifty at a time: each has its hundreds of replicates in memory."""

    def one(key: jax.Array) -> dict[str, Any]:
        own, other = jax.random.split(key)
        return by_refits(target, source.sample(own, (n,)), other)

    return jax.lax.map(one, jax.random.split(jax.random.key(n), count), batch_size=50)


def rate(hits: np.ndarray) -> str:
    share = hits.mean()
    return f"{100 * share:.1f} ± {100 * np.sqrt(share * (1 - share) / hits.size):.1f}"


def report(found: dict[str, Any], target: Any, n: int, kinds: tuple[str, ...]) -> None:
    found = jax.tree.map(np.asarray, found)
    good = found.pop("status") == xj.Status.CONVERGED
    none = found.get("none")
    for name in vars(target):
        missing = str(int(none[name][good].sum())) if none else ""
        cells = [rate(found[kind][name][good]) for kind in kinds]
        heading = f"{type(target).__name__:<17}{name:<14}{n:>5}{(~good).sum():>7}{missing:>6}"
        print(heading + "".join(f"{cell:>13}" for cell in cells), flush=True)


def columns(kinds: tuple[str, ...]) -> None:
    print(f"{'':<17}{'parameter':<14}{'n':>5}{'other':>7}{'none':>6}" + "".join(f"{kind:>13}" for kind in kinds))


def main(repeats: int) -> None:
    begin = time.perf_counter()
    by_derivatives, by_resampling = ("Wald", "sandwich", "profile"), ("percentile", "BCa")
    columns(by_derivatives)
    for truth in RIGHT:
        for n in SIZES:
            report(curvatures(truth, truth, n, repeats), truth, n, by_derivatives)
    for family, source in WRONG:
        print(f"data from {source}")
        target = xj.fit_kl(family, source).check().model
        for n in SIZES:
            report(curvatures(source, target, n, repeats), target, n, by_derivatives)
    columns(by_resampling)
    for truth in RIGHT:
        for n in SIZES:
            report(refits(truth, truth, n, max(repeats // 20, 1)), truth, n, by_resampling)
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
