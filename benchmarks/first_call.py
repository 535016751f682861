"""What the first fit costs: compared with compiling value, gradient and Hessian of a textbook cross-entropy.

Every row is a process of its own with an empty cache; both times of a row are taken in the same process.
"""

import subprocess
import sys


def measure(family: str) -> None:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.scipy.special import gammaln
    from timing import first_seconds

    import xentjax as xj

    jax.config.update("jax_enable_x64", True)
    x = jnp.asarray(np.random.default_rng(0).gamma(2.5, 1.0, 1000))
    data = {"Beta": x / (1 + x), "NegativeBinomial": jnp.floor(3 * x)}.get(family, x)
    jax.block_until_ready(jnp.sum(x))

    def textbook(u, x):
        a, b = jnp.exp(u[0]), jnp.exp(u[1])
        return -jnp.mean(a * jnp.log(b) - gammaln(a) + (a - 1) * jnp.log(x) - b * x)

    def derivatives(u, x):
        return textbook(u, x), jax.grad(textbook)(u, x), jax.hessian(textbook)(u, x)

    reference = first_seconds(lambda: jax.jit(derivatives)(jnp.zeros(2), x))
    fit = first_seconds(lambda: xj.fit_mle(getattr(xj, family), data))
    print(
        f"{family:<10} first fit {fit:5.2f} s   textbook derivatives {reference:5.2f} s   ratio {fit / reference:4.1f}"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        for family in ("Normal", "Gamma", "Weibull", "Beta", "StudentT", "NegativeBinomial"):
            subprocess.run([sys.executable, __file__, family], check=True)
