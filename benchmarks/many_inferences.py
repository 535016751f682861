"""Estimates, standard errors, profile intervals and statuses of thousands of data sets in one call: how fast.

The rate is beside that of the estimates alone, measured in turn in the same run. 10,000 data sets, or as many as the
argument says.
"""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from timing import seconds

import xentjax as xj

jax.config.update("jax_enable_x64", True)


def inferred(family: type, names: tuple[str, ...], x: jax.Array) -> tuple[Any, ...]:
    fit = xj.fit_mle(family, x)
    intervals = {name: xj.inference.profile_interval(fit, x, name) for name in names}
    return fit.model, fit.status, fit.standard_errors(), intervals


def many(family: type, names: tuple[str, ...], data: np.ndarray) -> None:
    batch = jnp.asarray(data)
    alone = jax.jit(jax.vmap(lambda x: xj.fit_mle(family, x).model))
    both = jax.jit(jax.vmap(lambda x: inferred(family, names, x)))
    _, status, _, intervals = both(batch)
    without = sum(int(jnp.isnan(jnp.stack(ends)).any(0).sum()) for ends in intervals.values())
    # in turn, so that both meet the same load
    times = np.array([[seconds(lambda f=f: f(batch), repeats=2) for f in (alone, both)] for _ in range(5)]).min(0)
    plain, full = len(data) / times
    print(
        f"{family.__name__:<9} {len(data)} of n = {data.shape[1]}: estimates alone {plain:,.0f}/s; "
        f"with standard errors and {len(names)} profile intervals {full:,.0f}/s, {full / plain:.0%}; "
        f"{int((status == xj.Status.CONVERGED).sum())} converged, {without} intervals not found"
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rng = np.random.default_rng(0)
    many(xj.Gamma, ("concentration", "rate"), rng.gamma(2.5, 1.0, (count, 50)))
    many(xj.Normal, ("loc", "scale"), rng.normal(1.0, 2.0, (count, 50)))
    many(xj.Weibull, ("concentration", "scale"), rng.weibull(1.5, (count, 50)))
