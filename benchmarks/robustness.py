"""Fits of simulated data from data-driven starts: how many end at the best maximum, and what the others say.

For each family 1000 data sets, or as many as the argument says, at each size and scale, fitted in one vmapped call. A
fit counts as wrong if it says that it converged and a fit started at the truth is lower by more than 1e-6 nats per
observation.
"""

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np

import xentjax as xj

SIZES, SCALES = (10, 50, 1000), (1e-6, 1.0, 1e6)
# the truth at a given scale, as a function of it
FAMILIES = {
    "Normal": lambda s: xj.Normal(s, 2 * s),
    "Laplace": lambda s: xj.Laplace(s, 2 * s),
    "Logistic": lambda s: xj.Logistic(s, 2 * s),
    "Cauchy": lambda s: xj.Cauchy(s, 2 * s),
    "StudentT": lambda s: xj.StudentT(4.0, s, 2 * s),
    "Gumbel": lambda s: xj.Gumbel(s, 2 * s),
    "GeneralizedExtremeValue": lambda s: xj.GeneralizedExtremeValue(s, 2 * s, 0.1),
    "Exponential": lambda s: xj.Exponential(1 / s),
    "Gamma": lambda s: xj.Gamma(2.0, 1 / s),
    "InverseGamma": lambda s: xj.InverseGamma(3.0, s),
    "Weibull": lambda s: xj.Weibull(1.5, s),
    "Frechet": lambda s: xj.Frechet(2.0, s),
    "LogNormal": lambda s: xj.LogNormal(jnp.log(s), 0.7),
    "LogLogistic": lambda s: xj.LogLogistic(2.0, s),
    "InverseGaussian": lambda s: xj.InverseGaussian(s, 2 * s),
    "GeneralizedPareto": lambda s: xj.GeneralizedPareto(s, 0.2),
    "Lomax": lambda s: xj.Lomax(3.0, s),
    "BurrXII": lambda s: xj.BurrXII(2.0, 1.5, s),
    "Gompertz": lambda s: xj.Gompertz(0.5, 1 / s),
    "Nakagami": lambda s: xj.Nakagami(1.5, s),
}


@functools.partial(jax.jit, static_argnums=0)
def fits(family: type, truth: object, data: jax.Array) -> tuple:
    """Status, cross-entropy and that of a fit from the truth, for each row."""
    own = jax.vmap(lambda x: xj.fit_mle(family, x))(data)
    other = jax.vmap(lambda x: xj.fit_mle(truth, x))(data)
    return own.status, own.cross_entropy, other.status, other.cross_entropy


def main(repeats: int) -> None:
    jax.config.update("jax_enable_x64", True)
    print(f"{'family':<26}{'n':>6}  converged   other status   wrong   (of {repeats * len(SCALES)})")
    for name, at in FAMILIES.items():
        for n in SIZES:
            good = wrong = 0
            others: dict[str, int] = {}
            for k, scale in enumerate(SCALES):
                truth = jax.tree.map(jnp.asarray, at(scale))
                data = truth.sample(jax.random.key(1000 * k + n), (repeats, n))
                status, value, other, lowest = map(np.asarray, fits(type(truth), truth, data))
                converged = status == xj.Status.CONVERGED
                missed = converged & (other == xj.Status.CONVERGED) & (lowest < value - 1e-6)
                good, wrong = good + int((converged & ~missed).sum()), wrong + int(missed.sum())
                for code in status[~converged]:
                    others[xj.Status(int(code)).name] = others.get(xj.Status(int(code)).name, 0) + 1
            words = ", ".join(f"{count} {status}" for status, count in others.items())
            print(f"{name:<26}{n:>6}  {good:>9}   {words or '-':<14} {wrong:>5}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
