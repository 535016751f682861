"""Plots of a fit against its data, with matplotlib: `pip install 'xentjax[plot]'`, `from xentjax import plots`.

>>> import jax.numpy as jnp
>>> import xentjax as xj
>>> from xentjax import plots
>>> x = jnp.array([0.8, 1.5, 2.0, 3.1, 0.6])
>>> axes = plots.density(xj.fit_mle(xj.Gamma, x), x)
>>> axes.get_ylabel()
'density'

Each function draws into `ax`, or into a new figure, and returns the axes. Its numbers are those of the model at full
precision, and can be read back from the lines. All take a fit with its data, and all but `profile` any model as well.
"""

from xentjax.plots.densities import density
from xentjax.plots.likelihoods import profile
from xentjax.plots.quantiles import pp, qq, residuals

__all__ = ["density", "pp", "profile", "qq", "residuals"]
