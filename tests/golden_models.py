"""Models of published problems, as a user of the library writes them: a record with `log_prob`, data and a start.

`PROBLEMS[id]()` is the problem of that id in golden/models.json.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

import xentjax as xj

DATA = Path(__file__).parent / "golden" / "data"


class Problem(NamedTuple):
    """What `fit_mle` takes, and the published parameters as a function of the model, where they are not its own."""

    start: Any
    data: Any
    weights: Any = None
    published: Callable | None = None
    fixed: Any = None


def read(name):
    """The columns [k, n] of a data file."""
    return np.loadtxt(DATA / name, delimiter=",", skiprows=1, ndmin=2).T


def design(*columns):
    return np.stack(columns, 1)


# --- censored observations -------------------------------------------------------------------------------------------


def censored(name, start, published=None, lowest=-np.inf):
    """Two columns of ends, or three with a frequency; at the lowest value and below there is no end."""
    low, high, *weights = read(name)
    low = np.where(low <= lowest, -np.inf, low)
    found = {
        "exact": low == high,
        "right": high == np.inf,
        "left": low == -np.inf,
        "interval": (-np.inf < low) & (low < high) & (high < np.inf),
    }
    kinds = tuple(kind for kind, where in found.items() if where.any())
    return Problem(xj.Censored(start, kinds), (low, high), *weights, published=published)


@xj.record
class NoncentralChiSquared:
    """A Poisson number of two further degrees of freedom each."""

    df: xj.Parameter = xj.positive(1.0)
    noncentrality: xj.Parameter = xj.positive(1.0)

    def _sum(self, part, x):
        # terms past 40 are below the rounding for a noncentrality up to 8
        j = jnp.arange(40.0)
        terms = xj.Poisson(self.noncentrality / 2).log_prob(j) + part(xj.ChiSquared(self.df + 2 * j), x)
        return logsumexp(terms)

    def log_prob(self, x):
        return self._sum(xj.ChiSquared.log_prob, x)

    def log_cdf(self, x):
        return jnp.vectorize(partial(self._sum, xj.ChiSquared.log_cdf))(x)

    def log_survival(self, x):
        return self._sum(xj.ChiSquared.log_survival, x)


@xj.record
class NoncentralT:
    """(z + noncentrality) / s, where z is standard normal and s √df has a chi distribution: an integral over s."""

    df: xj.Parameter = xj.positive(1.0)
    noncentrality: xj.Parameter = xj.real(0.0)

    def _integral(self, part):
        # the trapezoidal rule in log chi: with steps of 1/8 its error is about exp(−2π · π/4 · 8), and outside these
        # ends there is less than 1e-18 for a df from 0.5 to 20
        log_chi = jnp.arange(-80.0, 2.5, 0.125)
        chi = jnp.exp(log_chi)
        return logsumexp(xj.Chi(self.df).log_prob(chi) + log_chi + part(chi / jnp.sqrt(self.df))) + jnp.log(0.125)

    def log_prob(self, x):
        return self._integral(lambda s: xj.Normal(self.noncentrality, 1.0).log_prob(x * s) + jnp.log(s))

    def log_survival(self, x):
        return self._integral(lambda s: xj.Normal(self.noncentrality, 1.0).log_survival(x * s))


def accelerated(family, parameter, published, **fixed):
    """Times right-censored where status is 0, with a logarithm that is linear and an error of one scale."""
    time, status, _, x = read("test1.csv")
    seen = xj.Censored(family, ("exact", "right"))
    data = {"x": x}, xj.right_censored(time, status)
    return Problem(xj.Regression(seen, **{parameter: xj.Linear()}), data, published=published, fixed=fixed or None)


def line(parameter, *names, first=True):
    """The coefficients of a parameter: the constant first or last."""

    def published(q):
        found = q.predictors[parameter].coefficients
        own = [jnp.ravel(found[name]) for name in names]
        constant = [found["intercept"][None]] if "intercept" in found else []
        return jnp.concatenate([*constant, *own] if first else [*own, *constant])

    return published


def line_and_log_shape(q):
    return jnp.append(line("scale", "x")(q), -jnp.log(q.of.of.concentration))


def line_and_log_scale(q):
    return jnp.append(line("loc", "x")(q), jnp.log(q.of.of.scale))


# --- yes or no, and more than two answers ----------------------------------------------------------------------------


def without_constant(x):
    """The columns, of which the last is 1 throughout, without that."""
    *rest, one = x
    assert np.all(one == 1)
    return design(*rest)


def probit():
    y, *x = read("spector.csv")
    model = xj.Regression(xj.Bernoulli, probs=xj.Linear(link=xj.links.probit))
    return Problem(model, (without_constant(x), y), published=line("probs", "x", first=False))


def contrasts_with_the_first(q):
    """Logits are published for the others against the first class; the last is held at 0 here."""
    found = q.predictors["logits"].coefficients
    each = jnp.concatenate([found["x"], found["intercept"][:, None]], 1)
    each = jnp.concatenate([each, jnp.zeros((1, each.shape[1]))])
    return (each[1:] - each[:1]).ravel()


def multinomial():
    y, *x = read("anes96.csv")
    model = xj.Regression(xj.Categorical(jnp.zeros(7)), logits=xj.Linear())
    return Problem(model, (without_constant(x), y), published=contrasts_with_the_first)


def line_and_cuts(q):
    return jnp.concatenate([q.predictors["loc"].coefficients["x"], q.of.cuts])


def ordered(errors):
    y, *x = read("ucla_apply.csv")
    of = xj.Ordinal(jnp.array([0.0, 1.0]), errors=errors(0.0, 1.0))
    return Problem(xj.Regression(of, loc=xj.Linear(intercept=False)), (design(*x), y), published=line_and_cuts)


def schools():
    success, fail, *x = read("star98.csv")
    model = xj.Regression(xj.Binomial, total_count="n", probs=xj.Linear(["x"]))
    data = {"x": without_constant(x), "n": success + fail}, success
    return Problem(model, data, published=line("probs", "x", first=False))


def logit(p):
    return jnp.log(p) - jnp.log1p(-p)


@xj.record
class Frog:
    """The chance of being eaten at a size: a predictor that is not linear."""

    b: xj.Parameter = xj.real()

    def __call__(self, x):
        b, size = self.b, x["size"]
        return logit(jnp.exp(b[0] * (b[2] - size)) / (1 + jnp.exp(b[1] * b[0] * (b[2] - size))))


@xj.record
class FunctionalResponse:
    """The share of prey that is eaten, which falls with their number."""

    b: xj.Parameter = xj.real()

    def __call__(self, x):
        return logit(self.b[0] / (1 + self.b[0] * self.b[1] * x["n"]))


def own_numbers(q):
    return q.predictors["probs"].b


def frogs():
    size, killed = read("reed_frog.csv")
    # the attack falls with the size from 13 on, about halfway along the data
    model = xj.Regression(xj.Binomial, total_count="n", probs=Frog(np.array([-1.0, 1.5, 13.0])))
    return Problem(model, ({"size": size, "n": np.full_like(size, 10)}, killed), published=own_numbers)


def eaten():
    n, killed = read("functional_response.csv")
    model = xj.Regression(xj.Binomial, total_count="n", probs=FunctionalResponse(np.array([0.5, 0.01])))
    return Problem(model, ({"n": n}, killed), published=own_numbers)


# --- counts ----------------------------------------------------------------------------------------------------------


def linear_variance(p):
    """Counts with the variance mean + alpha · mean: NB1."""
    return xj.NegativeBinomial(p["mean"], p["alpha"] / p["mean"])


def visits(of, alpha=None, **fixed):
    y, *x = read("randhie.csv")

    def published(q):
        found = line("mean", "x", first=False)(q)
        return found if alpha is None else jnp.append(found, alpha(q))

    data = without_constant(x), y
    return Problem(xj.Regression(of, mean=xj.Linear()), data, published=published, fixed=fixed or None)


def nb1():
    of = xj.Built({"mean": 3.0, "alpha": 1.0}, linear_variance, {"mean": xj.positive, "alpha": xj.positive})
    return visits(of, lambda q: q.of.params["alpha"])


def dobson():
    y, _, *x = read("dobson.csv")
    return Problem(xj.Regression(xj.Poisson, rate=xj.Linear()), (design(*x), y), published=line("rate", "x"))


def yeast():
    y, weights, _ = read("yeast.csv")
    return Problem(xj.NegativeBinomial, y, weights, lambda q: jnp.stack([jnp.log(q.mean), 1 / q.dispersion]))


@xj.record
class Hyperbola:
    """The logarithm of top / (1 + x / half)."""

    top: xj.Parameter = xj.positive(1.0)
    half: xj.Parameter = xj.positive(1.0)

    def __call__(self, x):
        return jnp.log(self.top) - jnp.log1p(x / self.half)


def top_and_half(q):
    return jnp.stack([q.predictors["rate"].top, q.predictors["rate"].half])


def hyperbola():
    x, y = read("hyperbola.csv")
    return Problem(xj.Regression(xj.Poisson, rate=Hyperbola(y.max(), x.mean())), (x, y), published=top_and_half)


def zero_and_counts(q):
    """Zeros have the probability exp(−exp(x·coefficients)), which is the link with the other sign."""
    return jnp.concatenate([-line("zero", "x")(q), line("rate", "x")(q)])


def hurdle():
    rate, zero = xj.Linear(), xj.Linear(link=xj.links.loglog)
    return Problem(xj.Regression(xj.Hurdle(xj.Poisson), rate=rate, zero=zero), doctors(), published=zero_and_counts)


def zero_truncated(of, parameter, published):
    x, y = doctors()
    seen = y > 0
    return Problem(
        xj.Regression(xj.Truncated(of, 0.0), **{parameter: xj.Linear()}), (x[seen], y[seen]), published=published
    )


def line_and_log_dispersion(q):
    return jnp.append(line("mean", "x", first=False)(q), jnp.log(q.of.of.dispersion))


def doctors():
    y, _, age, illnesses = read("docvis.csv")
    return design(age, illnesses), y


# --- continuous responses --------------------------------------------------------------------------------------------


def stock():
    y, _, x = read("martin_marietta.csv")
    return Problem(xj.Regression(xj.StudentT, loc=xj.Linear()), (design(x), y), published=line_df_and_log_scale)


def line_df_and_log_scale(q):
    return jnp.append(line("loc", "x")(q), jnp.stack([q.of.df, jnp.log(q.of.scale)]))


def gamma_of_mean(p):
    return xj.Gamma(p["shape"], p["shape"] / p["mean"])


def clotting():
    u, y = read("clotting.csv")
    of = xj.Built({"mean": y.mean(), "shape": 10.0}, gamma_of_mean, {"mean": xj.positive, "shape": xj.positive})
    model = xj.Regression(of, mean=xj.Linear(link=xj.links.inverse))
    return Problem(
        model, (design(np.log(u)), y), published=lambda q: jnp.append(line("mean", "x")(q), q.of.params["shape"])
    )


def maxima(published, *names, **predictors):
    """Yearly maxima whose location is linear in some of the columns, and by `predictors` other parameters too."""
    year, level, index = read("fremantle.csv")
    t = year - 1896
    columns = {"t": t, "t²": t**2, "soi": index}
    model = xj.Regression(xj.GeneralizedExtremeValue, loc=xj.Linear(), **predictors)
    return Problem(model, (design(*(columns[name] for name in names)), level), published=published)


def line_scale_and_shape(q):
    return jnp.concatenate([line("loc", "x")(q), q.of.scale[None], q.of.shape[None]])


def two_lines_and_shape(q):
    return jnp.concatenate([line("loc", "x")(q), line("scale", "x")(q), q.of.shape[None]])


# ---------------------------------------------------------------------------------------------------------------------


def one_over_rate(q):
    return 1 / q.of.rate[None]


def shape_and_scale(q):
    return jnp.stack([q.of.concentration, 1 / q.of.rate])


def scale_and_shape(q):
    return jnp.stack([q.of.scale, q.of.concentration])


def mean_and_dispersion(q):
    return jnp.stack([q.of.mean, 1 / q.of.shape])


def mean_alone(q):
    return q.of.mean[None]


def shape_loc_scale(q):
    return jnp.stack([q.of.of.concentration, q.of.shift, q.of.of.scale])


def invgauss_1p():
    return censored("invgauss_1p.csv", xj.InverseGaussian(1.0, 1.0), mean_alone)._replace(fixed={"shape": 1.0})


PROBLEMS = {
    "scipy_cauchy_right": partial(censored, "cauchy_right.csv", xj.Cauchy(5.0, 5.0)),
    "scipy_cauchy_mixed": partial(censored, "cauchy_mixed.csv", xj.Cauchy(5.0, 5.0)),
    "scipy_chi2_mixed": partial(censored, "cauchy_mixed.csv", xj.ChiSquared(5.0), lowest=0.0),
    "scipy_expon_right": partial(censored, "expon_right.csv", xj.Exponential(0.1), one_over_rate),
    "scipy_gamma_right": partial(censored, "gamma_right.csv", xj.Gamma(1.0, 0.1), shape_and_scale),
    "scipy_gumbel_mixed": partial(censored, "gumbel_mixed.csv", xj.Gumbel(5.0, 5.0)),
    "scipy_frechet_mixed": partial(censored, "gumbel_mixed.csv", xj.Frechet(1.0, 5.0), scale_and_shape, lowest=0.0),
    "scipy_invgauss_1p": invgauss_1p,
    "scipy_invgauss_2p": partial(censored, "invgauss_1p.csv", xj.InverseGaussian(1.0, 1.0), mean_and_dispersion),
    "scipy_logistic_left": partial(censored, "logistic_left.csv", xj.Logistic(15.0, 10.0)),
    "scipy_norm_interval": partial(censored, "norm_interval.csv", xj.Normal(0.5, 0.5)),
    "scipy_lognorm_locomotive": partial(censored, "locomotives.csv", xj.LogNormal(5.0, 1.0)),
    "scipy_weibull_right": partial(censored, "weibull_right.csv", xj.Weibull(1.0, 20.0)),
    "scipy_weibull_fan_sas": partial(censored, "fans.csv", xj.Weibull(1.0, 10.0)),
    "scipy_weibull3_sas": partial(censored, "weibull3.csv", xj.Shifted(xj.Weibull(2.0, 100.0), 100.0), shape_loc_scale),
    "scipy_laplace": partial(censored, "laplace.csv", xj.Laplace(0.0, 30.0)),
    "scipy_beta_interval": partial(censored, "norm_interval.csv", xj.Beta(1.0, 1.0)),
    "scipy_nct_right": partial(censored, "nct_right.csv", NoncentralT(1.0, 2.0)),
    "scipy_ncx2_mixed": partial(censored, "ncx2_mixed.csv", NoncentralChiSquared(1.0, 1.0)),
    "lifelines_interval_weibull": partial(censored, "intervals.csv", xj.Weibull(1.0, 10000.0)),
    "surv_test1_weibull": partial(accelerated, xj.Weibull, "scale", line_and_log_shape),
    "surv_test1_exp": partial(accelerated, xj.Weibull, "scale", line("scale", "x"), concentration=1.0),
    "surv_test1_llogis": partial(accelerated, xj.LogLogistic, "scale", line_and_log_shape),
    "surv_test1_lnorm": partial(accelerated, xj.LogNormal, "loc", line_and_log_scale),
    "spector_probit": probit,
    "randhie_nb2": partial(visits, xj.NegativeBinomial, lambda q: q.of.dispersion),
    "randhie_nb1": nb1,
    "randhie_geometric": partial(visits, xj.NegativeBinomial, dispersion=1.0),
    "anes96_mnlogit": multinomial,
    "star98_binomial": schools,
    "martin_marietta_t": stock,
    "ucla_ordered_logit": partial(ordered, xj.Logistic),
    "ucla_ordered_probit": partial(ordered, xj.Normal),
    "yeast_nb_weighted": yeast,
    "fremantle_gev_trend": partial(maxima, line_scale_and_shape, "t"),
    "fremantle_gev_quad": partial(maxima, line_scale_and_shape, "t", "t²"),
    "fremantle_gev_trend_scale": partial(maxima, two_lines_and_shape, "t", scale=xj.Linear()),
    "fremantle_gev_soi": partial(maxima, line_scale_and_shape, "soi"),
    "fremantle_gev_trend_soi": partial(maxima, line_scale_and_shape, "t", "soi"),
    "mle_hyperbolic_poisson": hyperbola,
    "reedfrog_binomial": frogs,
    "funcresp_binomial": eaten,
    "clotting_gamma_glm": clotting,
    "dobson_poisson": dobson,
    "docvis_hurdle_poisson": hurdle,
    "docvis_zt_poisson": partial(zero_truncated, xj.Poisson, "rate", line("rate", "x", first=False)),
    "docvis_zt_nb": partial(zero_truncated, xj.NegativeBinomial, "mean", line_and_log_dispersion),
}
