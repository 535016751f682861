"""A mixture of two normals: a later fit against L-BFGS-B of scipy with a gradient written by hand, from one start.

In each of 20 rounds ten calls of one, then ten of the other, of which the shortest counts for each: whatever else the
machine does meets both. Each has one thread; `NPROC=2 python benchmarks/mixture.py` gives JAX two, which takes a little
longer.
"""

import os

# before NumPy and JAX are loaded
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NPROC", "1")

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from timing import seconds

import xentjax as xj

jax.config.update("jax_enable_x64", True)

N, ROUNDS = 1000, 20
HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


def draws() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.where(rng.uniform(size=N) < 0.35, rng.normal(-1.5, 0.7, N), rng.normal(1.2, 1.1, N))


def objective(u: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray]:
    """The cross-entropy in the logit of the first weight, the locations and the log scales; and its gradient."""
    first = 1 / (1 + np.exp(-u[0]))
    scales = np.exp(u[3:])
    z = (x - u[1:3, None]) / scales[:, None]
    each = np.log([first, 1 - first])[:, None] - 0.5 * z * z - u[3:, None] - HALF_LOG_2PI
    total = np.logaddexp(*each)
    shares = np.exp(each - total)
    slopes = [np.mean(shares[0]) - first, *np.mean(shares * z, 1) / scales, *np.mean(shares * (z * z - 1), 1)]
    return -np.mean(total), -np.array(slopes)


def by_scipy(x: np.ndarray) -> Any:
    # to the digits that the other ends with: a gradient of 1e-7 leaves a gap of some 1e-14
    options = {"ftol": 0.0, "gtol": 1e-7, "maxiter": 1000}
    return minimize(objective, np.array([0.0, -1.0, 1.0, 0.0, 0.0]), (x,), "L-BFGS-B", jac=True, options=options)


def main() -> None:
    x = draws()
    data = jnp.asarray(x)
    start = xj.Mixture(jnp.array([0.5, 0.5]), xj.Normal(jnp.array([-1.0, 1.0]), jnp.ones(2)))
    ours, theirs = xj.fit_mle(start, data).check(), by_scipy(x)
    turns = [(seconds(lambda: xj.fit_mle(start, data)), seconds(lambda: by_scipy(x))) for _ in range(ROUNDS)]
    times = np.array(turns) * 1e3
    ratios, best, median = times[:, 1] / times[:, 0], times.min(0), np.median(times, 0)
    print(
        f"two normals, n = {N}: {best[0]:.2f} ms (median round {median[0]:.2f}), "
        f"{int(ours.steps)} steps with Hessians; "
        f"scipy {best[1]:.2f} ms (median round {median[1]:.2f}), {theirs.nfev} steps with gradients; "
        f"ratio of the best {best[1] / best[0]:.2f}, median ratio {np.median(ratios):.2f}"
    )
    there, constrain = jnp.asarray(theirs.x), xj.unconstrain(ours.model)[1]
    ended = {"weights": there[:1], "components.loc": there[1:3], "components.scale": there[3:]}
    found = xj.minimize(_cross_entropy, constrain(ended), data, max_steps=1)
    print(
        f"gap {float(ours.gap):.1e} against {float(found.gap):.1e} nats; "
        f"scipy ends {theirs.fun - float(ours.cross_entropy):.1e} above"
    )


def _cross_entropy(q: xj.Mixture, x: jax.Array) -> jax.Array:
    return xj.cross_entropy(xj.Empirical(x), q)


if __name__ == "__main__":
    main()
