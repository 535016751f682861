"""Maximum likelihood from naive starts on unscaled data: how often each optimiser ends at the best maximum.

The families of robustness.py, or those named after the number, at each size and scale, as many data sets each as the
first argument says. Naive is 0 in all unconstrained coordinates: location 0, scale and positive shapes 1, whatever the
units of the data. The tables are Markdown.

An end is right if it says success at the optimum, unsure if it stands there and says failure, wrong if it says success
elsewhere, failed if it says failure elsewhere. The optimum is the lowest end that the gap certifies, of all runs here,
one from the truth and one from where BFGS stopped; within 1e-6 nats per observation. Data sets without one (the
likelihood improves however far a parameter goes) are counted apart: there any success is wrong.
"""

import functools
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

# compiling is most of what this takes: no optimisation, in a third of the time; nothing here is timed
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy
import scipy.optimize
import scipy.stats as st
from jax.flatten_util import ravel_pytree
from robustness import FAMILIES, SCALES, SIZES

import xentjax as xj

WITHIN = 1e-6
# a step is about as long as the rate: these reach any scale in its logarithm, and no location of 1e6
ADAM, ADAM_STEPS = optax.adam(0.1), 3000
# each with a line search of up to 20 evaluations
LBFGS, LBFGS_STEPS = optax.lbfgs(), 500
# the family in scipy.stats, without a location where ours has none
HALF = {"floc": 0}
SCIPY = {
    "Normal": (st.norm, {}),
    "Laplace": (st.laplace, {}),
    "Logistic": (st.logistic, {}),
    "Cauchy": (st.cauchy, {}),
    "StudentT": (st.t, {}),
    "Gumbel": (st.gumbel_r, {}),
    "GeneralizedExtremeValue": (st.genextreme, {}),
    "Exponential": (st.expon, HALF),
    "Gamma": (st.gamma, HALF),
    "InverseGamma": (st.invgamma, HALF),
    "Weibull": (st.weibull_min, HALF),
    "Frechet": (st.invweibull, HALF),
    "LogNormal": (st.lognorm, HALF),
    "LogLogistic": (st.fisk, HALF),
    "InverseGaussian": (st.invgauss, HALF),
    "GeneralizedPareto": (st.genpareto, HALF),
    "Lomax": (st.lomax, HALF),
    "BurrXII": (st.burr12, HALF),
    "Gompertz": (st.gompertz, HALF),
    "Nakagami": (st.nakagami, HALF),
}
METHODS = ("newton, data", "newton", "adam", "lbfgs", "scipy BFGS", "scipy fit")
OUTCOMES = ("right", "unsure", "wrong", "failed")


class Programs:
    """The fits of one family, compiled once for each size of data."""

    def __init__(self, truth: object) -> None:
        free, constrain = xj.unconstrain(truth)
        point, unravel = ravel_pytree(free)
        self.naive, self.truth = np.zeros_like(point), np.asarray(point)

        def model(point: jax.Array) -> object:
            return constrain(unravel(point))

        self.from_data = jax.jit(rows(lambda _, x: xj.fit_mle(type(truth), x)))
        self.from_point = jax.jit(rows(lambda at, x: xj.fit_mle(model(at), x)))
        self.start = model(self.naive)
        self.adam = jax.jit(rows(lambda at, x: xj.fit_mle(model(at), x, optimizer=ADAM, max_steps=ADAM_STEPS)))
        self.lbfgs = jax.jit(rows(lambda at, x: xj.fit_mle(model(at), x, optimizer=LBFGS, max_steps=LBFGS_STEPS)))
        self.objective = jax.jit(jax.value_and_grad(lambda point, x: xj.cross_entropy(xj.Empirical(x), model(point))))


def rows(fit: Callable) -> Callable:
    """Value and status of a fit for each of the starts [k, m] and data [k, n]; one by one, as a vmap waits for all."""

    def one(pair: tuple) -> tuple:
        found = fit(*pair)
        return found.cross_entropy, found.status

    return lambda starts, data: jax.lax.map(one, (starts, data))


def as_called(start: object, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and status of the fits of each row, called one by one, as only outside jit a start can be replaced."""
    found = []
    for x in data:
        try:
            fit = xj.fit_mle(start, x)
            found.append((float(fit.cross_entropy), int(fit.status)))
        except ValueError:  # no finite start
            found.append((np.inf, int(xj.Status.BAD_START)))
    return tuple(map(np.array, zip(*found, strict=True)))


def bfgs(objective: Callable, naive: np.ndarray, x: np.ndarray) -> tuple[float, bool, np.ndarray]:
    """Value, whether it says success, and where."""
    found = scipy.optimize.minimize(
        lambda point: tuple(np.asarray(a, float) for a in objective(point, x)), naive, jac=True, method="BFGS"
    )
    return float(found.fun), bool(found.success), found.x


def scipy_fit(name: str, x: np.ndarray) -> tuple[float, bool]:
    family, held = SCIPY[name]
    try:
        found = family.fit(x, **held)
    except Exception:  # it says failure by several
        return np.inf, False
    value = -float(np.mean(family.logpdf(x, *found)))
    return value, bool(np.isfinite(value))


def outcomes(name: str, programs: Programs, data: np.ndarray) -> tuple[dict, dict, np.ndarray]:
    """{method: (values, successes)}, {method: statuses} of ours, and the optimum or inf; one for each data set."""
    naive, truth = (np.tile(point, (len(data), 1)) for point in (programs.naive, programs.truth))
    peers = [bfgs(programs.objective, programs.naive, x) for x in data]
    ours = {
        "newton, data": programs.from_data(naive, data),
        "newton": as_called(programs.start, data),
        "adam": programs.adam(naive, data),
        "lbfgs": programs.lbfgs(naive, data),
        "truth": programs.from_point(truth, data),
        "peer": programs.from_point(np.stack([end for *_, end in peers]), data),
    }
    ours = {method: tuple(map(np.asarray, found)) for method, found in ours.items()}
    certified = [np.where(status == xj.Status.CONVERGED, value, np.inf) for value, status in ours.values()]
    found = {method: (value, status == xj.Status.CONVERGED) for method, (value, status) in ours.items()}
    found["scipy BFGS"] = tuple(np.array(column) for column in zip(*[peer[:2] for peer in peers], strict=True))
    found["scipy fit"] = tuple(np.array(column) for column in zip(*[scipy_fit(name, x) for x in data], strict=True))
    statuses = {method: status for method, (_, status) in ours.items()}
    return found, statuses, np.min(certified, 0)


class Run(NamedTuple):
    """One fit of one data set by one method."""

    family: str
    n: int
    scale: float
    seed: int
    row: int
    method: str
    success: bool
    status: str
    above: float  # the optimum; NaN where there is none

    @property
    def outcome(self) -> str:
        there = abs(self.above) <= WITHIN
        return OUTCOMES[(0 if self.success else 1) if there else (2 if self.success else 3)]


def runs(name: str, repeats: int) -> Iterator[Run]:
    programs = Programs(jax.tree.map(jnp.asarray, FAMILIES[name](1.0)))
    for n in SIZES:
        for k, scale in enumerate(SCALES):
            truth, seed = jax.tree.map(jnp.asarray, FAMILIES[name](scale)), 1000 * k + n
            programs.truth = np.asarray(ravel_pytree(xj.unconstrain(truth)[0])[0])
            found, statuses, optimum = outcomes(name, programs, np.asarray(draw(truth, seed, repeats, n)))
            for method in METHODS:
                for row, (value, success) in enumerate(zip(*found[method], strict=True)):
                    value = np.inf if np.isnan(value) else value
                    above = float(value - optimum[row]) if np.isfinite(optimum[row]) else np.nan
                    code = xj.Status(int(statuses[method][row])).name if method in statuses else ""
                    yield Run(name, n, scale, seed, row, method, bool(success), code, above)
    jax.clear_caches()


@functools.partial(jax.jit, static_argnums=(2, 3))
def draw(truth: object, seed: int, repeats: int, n: int) -> jax.Array:
    """Data sets [repeats, n]; the i-th is `truth.sample(jax.random.fold_in(jax.random.key(seed), i), (n,))`."""
    key = jax.random.key(seed)
    return jax.vmap(lambda i: truth.sample(jax.random.fold_in(key, i), (n,)))(jnp.arange(repeats))


def share(of: list[Run], outcome: str) -> str:
    return f"{100 * np.mean([run.outcome == outcome for run in of]):.1f}" if of else "-"


def table(heading: list[str], lines: list[list[str]]) -> None:
    for line in (heading, ["---"] + ["---:"] * (len(heading) - 1), *lines):
        print("| " + " | ".join(line) + " |")
    print()


def report(found: list[Run]) -> None:
    solvable = [run for run in found if not np.isnan(run.above)]
    by_method = {method: [run for run in solvable if run.method == method] for method in METHODS}
    claims = {method: [run for run in found if np.isnan(run.above) and run.method == method] for method in METHODS}
    print(
        f"{len(by_method[METHODS[0]])} data sets with an optimum, shares in percent; {len(claims[METHODS[0]])} without"
    )
    print()
    lines = [
        [method, *(share(own, outcome) for outcome in OUTCOMES), str(sum(run.success for run in claims[method]))]
        for method, own in by_method.items()
    ]
    table(["", *OUTCOMES, "success without an optimum"], lines)
    for name, values in (("scale", SCALES), ("n", SIZES)):
        columns = {value: [run for run in solvable if getattr(run, name) == value] for value in values}
        lines = [
            [m, *(share([run for run in own if run.method == m], "right") for own in columns.values())] for m in METHODS
        ]
        table([f"right, by {name}", *(f"{value:g}" for value in values)], lines)
    lines = []
    for family in dict.fromkeys(run.family for run in found):
        own = {m: [run for run in by_method[m] if run.family == family] for m in METHODS}
        lines.append([family, str(len(own[METHODS[0]])), *(share(own[m], "right") for m in METHODS)])
    table(["right, by family", "data sets", *METHODS], lines)
    ours = [run for run in solvable if run.method in METHODS[:2] and run.outcome != "right"]
    list_runs("Newton's method, not right", ours)
    # a spike of an unbounded likelihood, or a maximum that no certified run found
    list_runs("Success below all certified ends", [run for run in solvable if run.success and run.above < -WITHIN])


def list_runs(heading: str, those: list[Run]) -> None:
    """One line for each cell, with what reproduces it."""
    print(f"{heading}: {len(those)}\n")
    cells: dict[tuple, list[int]] = {}
    for run in those:
        cells.setdefault((run.method, run.family, run.n, run.scale, run.seed, run.outcome, run.status), []).append(
            run.row
        )
    for (method, family, n, scale, seed, outcome, status), rows in cells.items():
        where = f"{family}, n = {n}, scale {scale:g}, seed {seed}, data sets {rows}"
        print(f"- {method}: {where}: {outcome} {status}".rstrip())
    print()


def main(repeats: int, names: list[str]) -> None:
    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")  # of scipy, which warns of each overflow
    print(f"jax {jax.__version__}, optax {optax.__version__}, scipy {scipy.__version__}; {repeats} data sets a cell")
    found: list[Run] = []
    for name in names:
        begin = time.perf_counter()
        found += runs(name, repeats)
        print(f"{name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
    report(found)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, sys.argv[2:] or list(FAMILIES))
