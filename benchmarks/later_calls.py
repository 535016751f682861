"""What a later fit costs, on new data of a shape already seen: against scipy.stats, and against the passes it needs."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats as st
from jax.flatten_util import ravel_pytree
from timing import seconds

import xentjax as xj
from xentjax.objectives import PointObjective
from xentjax.statistics import identity, minus_log, summarize

jax.config.update("jax_enable_x64", True)

PEERS = {
    "Gamma": lambda x: st.gamma.fit(x, floc=0),
    "Weibull": lambda x: st.weibull_min.fit(x, floc=0),
    "StudentT": lambda x: st.t.fit(x),
    "Beta": lambda x: st.beta.fit(x / (1 + x), floc=0, fscale=1),
}


def against_scipy(n: int) -> None:
    x = np.random.default_rng(0).gamma(2.5, 1.0, n)
    for family, peer in PEERS.items():
        data = jnp.asarray(x / (1 + x) if family == "Beta" else x)
        ours = seconds(lambda data=data, family=family: xj.fit_mle(getattr(xj, family), data))
        theirs = seconds(lambda peer=peer: peer(x), repeats=3)
        print(
            f"n = {n:<8} {family:<9} {ours * 1e3:8.2f} ms   scipy {theirs * 1e3:9.2f} ms   ratio {theirs / ours:7.1f}"
        )


def passes(n: int) -> None:
    """A fit by statistics reads the data twice: the mean, then the spread about it."""
    x = jnp.asarray(np.random.default_rng(0).gamma(2.5, 1.0, n))
    two = jax.jit(lambda x: summarize(xj.Empirical(x), (identity, minus_log)))
    fit, read = seconds(lambda: xj.fit_mle(xj.Gamma, x)), seconds(lambda: two(x))
    print(
        f"n = {n:<8} Gamma fit {fit * 1e3:.2f} ms   its statistics alone {read * 1e3:.2f} ms   ratio {fit / read:.2f}"
    )


def derivatives(family: type, n: int) -> None:
    """Value, gradient and Hessian in blocks, against the value alone."""
    x = jnp.asarray(np.random.default_rng(0).gamma(2.5, 1.0, n))
    free, constrain = xj.unconstrain(family.start(xj.Empirical(x)))
    point, unravel = ravel_pytree(free)

    @jax.jit
    def value(point, x):
        return -jnp.mean(jax.vmap(constrain(unravel(point)).log_prob)(x))

    @jax.jit
    def second_order(point, x):
        return PointObjective(constrain, xj.Empirical(x)).second_order(point, unravel)

    memory = second_order.lower(point, x).compile().memory_analysis().temp_size_in_bytes
    all_three, alone = seconds(lambda: second_order(point, x)), seconds(lambda: value(point, x))
    print(
        f"n = {n:<8} {family.__name__:<9} value, gradient, Hessian {all_three * 1e3:.1f} ms   "
        f"value {alone * 1e3:.1f} ms   ratio {all_three / alone:.1f}   temporaries {memory / 1e3:.0f} kB"
    )


if __name__ == "__main__":
    against_scipy(1000)
    against_scipy(100_000)
    passes(1_000_000)
    derivatives(xj.Weibull, 1_000_000)
    derivatives(xj.StudentT, 1_000_000)
