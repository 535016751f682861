"""Thousands of fits in one vmapped call, against a loop over scipy.stats."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats as st
from timing import seconds

import xentjax as xj

jax.config.update("jax_enable_x64", True)


def many(family: type, data: np.ndarray, peer) -> None:
    batch = jnp.asarray(data)
    fit = jax.jit(jax.vmap(lambda x: xj.fit_mle(family, x)))
    result = fit(batch)
    rate = len(data) / seconds(lambda: fit(batch), repeats=5)
    theirs = 20 / seconds(lambda: [peer(x) for x in data[:20]], repeats=2)
    single = [jax.tree.leaves(xj.fit_mle(family, x).model) for x in batch[:20]]
    batched = jax.tree.leaves(result.model)
    apart = max(
        abs(float(leaf[i] - one)) for i, row in enumerate(single) for leaf, one in zip(batched, row, strict=True)
    )
    print(
        f"{family.__name__:<9} {len(data)} fits of n = {data.shape[1]}: {rate:,.0f} fits/s, "
        f"{int(result.converged.sum())} converged, at most {apart:.0e} from single fits; "
        f"scipy {theirs:,.0f} fits/s, ratio {rate / theirs:,.0f}"
    )


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    many(xj.Gamma, rng.gamma(2.5, 1.0, (10_000, 500)), lambda x: st.gamma.fit(x, floc=0))
    many(xj.StudentT, rng.standard_t(5, (2000, 500)), lambda x: st.t.fit(x))
