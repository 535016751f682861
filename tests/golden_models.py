"""Models of published problems, as a user of the library writes them: a record with `log_prob`, data and a start.

`PROBLEMS[id]()` is the problem of that id in golden/models.json.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, log_ndtr, logsumexp

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


@xj.record
class Censored:
    """A distribution of which intervals are seen: low = high is exact, an infinite end is none."""

    of: Any
    kinds: tuple[str, ...] = xj.static()

    def log_prob(self, point):
        low, high = point
        # finite in every branch, so that the derivatives of those not taken are finite too
        a, b = jnp.where(low > -jnp.inf, low, high), jnp.where(high < jnp.inf, high, low)
        found = jnp.zeros_like(a)
        if "exact" in self.kinds:
            found = self.of.log_prob(a)
        if "right" in self.kinds:
            found = jnp.where(high == jnp.inf, self.of.log_survival(a), found)
        if "interval" in self.kinds:
            below, upto = self.of.log_cdf(jnp.stack([a, b]))
            found = jnp.where(a < b, upto + jnp.log1p(-jnp.exp(jnp.where(a < b, below - upto, -1.0))), found)
        if "left" in self.kinds:
            found = jnp.where(low == -jnp.inf, self.of.log_cdf(b), found)
        return found


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
    return Problem(Censored(start, kinds), (low, high), *weights, published=published)


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


@xj.record
class Shifted:
    """A positive distribution from another origin; outside its support there is no density."""

    of: Any
    loc: xj.Parameter = xj.real(0.0)

    def log_prob(self, x):
        return self.of.log_prob(x - self.loc)

    def log_survival(self, x):
        return self.of.log_survival(x - self.loc)


@xj.record
class Accelerated:
    """Times right-censored where status is 0, with logarithm x·coefficients + exp(log_scale)·error."""

    family: Callable = xj.static()  # of the location and scale of the logarithm
    coefficients: xj.Parameter = xj.real()
    log_scale: xj.Parameter = xj.real(0.0)

    def log_prob(self, point):
        time, status, x = point
        times = self.family(x @ self.coefficients, jnp.exp(self.log_scale))
        return jnp.where(status == 1, times.log_prob(time), times.log_survival(time))


def weibull(loc, scale):
    return xj.Weibull(1 / scale, jnp.exp(loc))


def log_logistic(loc, scale):
    return xj.LogLogistic(1 / scale, jnp.exp(loc))


def accelerated(family, **fixed):
    time, status, *x = read("test1.csv")
    start = Accelerated(family, np.array([np.log(time).mean(), 0.0]), 0.0)
    published = coefficients if fixed else None
    return Problem(start, (time, status, design(*x)), published=published, fixed=fixed or None)


# --- yes or no, and more than two answers ----------------------------------------------------------------------------


@xj.record
class Probit:
    """Yes with the probability Φ(x·coefficients)."""

    coefficients: xj.Parameter = xj.real()

    def log_prob(self, point):
        x, y = point
        return log_ndtr((2 * y - 1) * (x @ self.coefficients))


@xj.record
class Multinomial:
    """Classes with logits coefficients·x, those of the first class 0."""

    coefficients: xj.Parameter = xj.real()

    def log_prob(self, point):
        x, y = point
        logits = jnp.concatenate([jnp.zeros(1), self.coefficients @ x])
        return xj.Categorical(logits).log_prob(y)


@xj.record
class Ordered:
    """Answers between cuts: P(y ≤ k) is the distribution function at cuts[k] − x·coefficients."""

    family: Callable = xj.static()
    coefficients: xj.Parameter = xj.real()
    cuts: xj.Parameter = xj.ordered()

    def log_prob(self, point):
        x, y = point
        errors = self.family(0.0, 1.0)
        ends = self.cuts - x @ self.coefficients
        middle = errors.log_cdf(ends[1]) + jnp.log1p(-jnp.exp(errors.log_cdf(ends[0]) - errors.log_cdf(ends[1])))
        return jnp.select([y == 0, y == 1], [errors.log_cdf(ends[0]), middle], errors.log_survival(ends[1]))


@xj.record
class Successes:
    """Successes among n with the probability chance(b, x)."""

    chance: Callable = xj.static()
    b: xj.Parameter = xj.real()

    def log_prob(self, point):
        x, n, y = point
        p = self.chance(self.b, x)
        ways = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
        return ways + y * jnp.log(p) + (n - y) * jnp.log1p(-p)


def logistic(b, x):
    return jax.nn.sigmoid(x @ b)


def frog(b, x):
    return jnp.exp(b[0] * (b[2] - x)) / (1 + jnp.exp(b[1] * b[0] * (b[2] - x)))


def functional_response(b, x):
    return b[0] / (1 + b[0] * b[1] * x)


def probit():
    y, *x = read("spector.csv")
    return Problem(Probit(np.zeros(len(x))), (design(*x), y))


def multinomial():
    y, *x = read("anes96.csv")
    return Problem(Multinomial(np.zeros((6, len(x)))), (design(*x), y))


def ordered(family):
    y, *x = read("ucla_apply.csv")
    return Problem(Ordered(family, np.zeros(len(x)), np.array([0.0, 1.0])), (design(*x), y))


def schools():
    success, fail, *x = read("star98.csv")
    return Problem(Successes(logistic, np.zeros(len(x))), (design(*x), success + fail, success))


def frogs():
    x, killed = read("reed_frog.csv")
    # the attack falls with the size from 13 on, about halfway along the data
    return Problem(Successes(frog, np.array([-1.0, 1.5, 13.0])), (x, np.full_like(x, 10), killed))


def eaten():
    n, killed = read("functional_response.csv")
    return Problem(Successes(functional_response, np.array([0.5, 0.01])), (n, n, killed))


# --- counts ----------------------------------------------------------------------------------------------------------


@xj.record
class LogLinear:
    """Poisson counts with mean exp(x·coefficients)."""

    coefficients: xj.Parameter = xj.real()

    def log_prob(self, point):
        x, y = point
        return xj.Poisson(jnp.exp(x @ self.coefficients)).log_prob(y)


@xj.record
class NegativeBinomial:
    """Counts with the variance mean + alpha·mean^power: NB1 and NB2."""

    power: xj.Parameter = xj.real()
    coefficients: xj.Parameter = xj.real()
    alpha: xj.Parameter = xj.positive(1.0)

    def log_prob(self, point):
        x, y = point
        mean = jnp.exp(x @ self.coefficients)
        return xj.NegativeBinomial(mean, self.alpha * mean ** (self.power - 2)).log_prob(y)


def coefficients_and_alpha(q):
    return jnp.append(q.coefficients, q.alpha)


def coefficients(q):
    return q.coefficients


def visits(**fixed):
    y, *x = read("randhie.csv")
    start = np.zeros(len(x))
    start[-1] = np.log(y.mean())
    published = coefficients if "alpha" in fixed else coefficients_and_alpha
    return Problem(NegativeBinomial(2.0, start, 1.0), (design(*x), y), published=published, fixed=fixed)


def dobson():
    y, *x = read("dobson.csv")
    return Problem(LogLinear(np.array([np.log(y.mean()), 0.0, 0.0, 0.0, 0.0])), (design(*x), y))


def yeast():
    y, weights, _ = read("yeast.csv")
    return Problem(xj.NegativeBinomial, y, weights, lambda q: jnp.stack([jnp.log(q.mean), 1 / q.dispersion]))


@xj.record
class Hyperbola:
    """Poisson counts with the mean top / (1 + x / half)."""

    top: xj.Parameter = xj.positive(1.0)
    half: xj.Parameter = xj.positive(1.0)

    def log_prob(self, point):
        x, y = point
        return xj.Poisson(self.top / (1 + x / self.half)).log_prob(y)


def hyperbola():
    x, y = read("hyperbola.csv")
    return Problem(Hyperbola(y.max(), x.mean()), (x, y))


def log_positive(rate):
    """log P(y > 0) of a Poisson count."""
    return jnp.log(-jnp.expm1(-rate))


@xj.record
class ZeroTruncated:
    """Poisson counts of which zeros are not seen."""

    coefficients: xj.Parameter = xj.real()

    def log_prob(self, point):
        x, y = point
        rate = jnp.exp(x @ self.coefficients)
        return xj.Poisson(rate).log_prob(y) - log_positive(rate)


@xj.record
class Hurdle:
    """Whether there is any, and if so how many: two Poisson regressions."""

    any: xj.Parameter = xj.real()
    many: xj.Parameter = xj.real()

    def log_prob(self, point):
        x, y = point
        rate = jnp.exp(x @ self.any)
        # 1 in place of an unseen 0
        return jnp.where(y == 0, -rate, log_positive(rate) + ZeroTruncated(self.many).log_prob((x, jnp.maximum(y, 1))))


@xj.record
class ZeroTruncatedNegativeBinomial:
    """Negative binomial counts of which zeros are not seen."""

    coefficients: xj.Parameter = xj.real()
    log_alpha: xj.Parameter = xj.real(0.0)

    def log_prob(self, point):
        x, y = point
        counts = xj.NegativeBinomial(jnp.exp(x @ self.coefficients), jnp.exp(self.log_alpha))
        return counts.log_prob(y) - jnp.log(-jnp.expm1(counts.log_prob(jnp.zeros_like(y))))


def doctors(truncated):
    y, one, age, illnesses = read("docvis.csv")
    x = design(age, illnesses, one) if truncated else design(one, age, illnesses)
    seen = y > 0 if truncated else slice(None)
    return x[seen], y[seen]


# --- continuous responses --------------------------------------------------------------------------------------------


@xj.record
class StudentLine:
    """A line with Student's errors."""

    coefficients: xj.Parameter = xj.real()
    df: xj.Parameter = xj.positive(4.0)
    log_scale: xj.Parameter = xj.real(0.0)

    def log_prob(self, point):
        x, y = point
        return xj.StudentT(self.df, x @ self.coefficients, jnp.exp(self.log_scale)).log_prob(y)


@xj.record
class InverseGamma:
    """A gamma response of which one over the mean is linear."""

    coefficients: xj.Parameter = xj.real()
    shape: xj.Parameter = xj.positive(1.0)

    def log_prob(self, point):
        x, y = point
        return xj.Gamma(self.shape, self.shape * (x @ self.coefficients)).log_prob(y)


@xj.record
class Maxima:
    """Yearly maxima whose location, and the logarithm of whose scale, are linear."""

    loc: xj.Parameter = xj.real()
    log_scale: xj.Parameter = xj.real()
    shape: xj.Parameter = xj.real(0.1)

    def log_prob(self, point):
        x, z, y = point
        return xj.GeneralizedExtremeValue(x @ self.loc, jnp.exp(z @ self.log_scale), self.shape).log_prob(y)


def stock():
    y, *x = read("martin_marietta.csv")
    line, (squares, *_), *_ = np.linalg.lstsq(design(*x), y)
    return Problem(StudentLine(line, 4.0, 0.5 * np.log(squares / y.size)), (design(*x), y))


def clotting():
    u, y = read("clotting.csv")
    x = design(np.ones_like(u), np.log(u))
    return Problem(InverseGamma(np.linalg.lstsq(x, 1 / y)[0], 10.0), (x, y))


def scale_itself(q):
    return jnp.concatenate([q.loc, jnp.exp(q.log_scale), q.shape[None]])


def maxima(*of, scale=(), published=scale_itself):
    year, level, index = read("fremantle.csv")
    t = year - 1896
    columns = {"1": np.ones_like(t), "t": t, "t²": t**2, "soi": index}
    x, z = (design(*(columns[name] for name in ("1", *names))) for names in (of, scale))
    loc, log_scale = np.zeros(x.shape[1]), np.zeros(z.shape[1])
    loc[0], log_scale[0] = level.mean(), np.log(level.std())
    return Problem(Maxima(loc, log_scale), (x, z, level), published=published)


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
    return jnp.stack([q.of.of.concentration, q.of.loc, q.of.of.scale])


def invgauss_1p():
    return censored("invgauss_1p.csv", xj.InverseGaussian(1.0, 1.0), mean_alone)._replace(fixed={"of.shape": 1.0})


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
    "scipy_weibull3_sas": partial(censored, "weibull3.csv", Shifted(xj.Weibull(2.0, 100.0), 100.0), shape_loc_scale),
    "scipy_laplace": partial(censored, "laplace.csv", xj.Laplace(0.0, 30.0)),
    "scipy_beta_interval": partial(censored, "norm_interval.csv", xj.Beta(1.0, 1.0)),
    "scipy_nct_right": partial(censored, "nct_right.csv", NoncentralT(1.0, 2.0)),
    "scipy_ncx2_mixed": partial(censored, "ncx2_mixed.csv", NoncentralChiSquared(1.0, 1.0)),
    "lifelines_interval_weibull": partial(censored, "intervals.csv", xj.Weibull(1.0, 10000.0)),
    "surv_test1_weibull": partial(accelerated, weibull),
    "surv_test1_exp": partial(accelerated, weibull, log_scale=0.0),
    "surv_test1_llogis": partial(accelerated, log_logistic),
    "surv_test1_lnorm": partial(accelerated, xj.LogNormal),
    "spector_probit": probit,
    "randhie_nb2": partial(visits, power=2.0),
    "randhie_nb1": partial(visits, power=1.0),
    "randhie_geometric": partial(visits, power=2.0, alpha=1.0),
    "anes96_mnlogit": multinomial,
    "star98_binomial": schools,
    "martin_marietta_t": stock,
    "ucla_ordered_logit": partial(ordered, xj.Logistic),
    "ucla_ordered_probit": partial(ordered, xj.Normal),
    "yeast_nb_weighted": yeast,
    "fremantle_gev_trend": partial(maxima, "t"),
    "fremantle_gev_quad": partial(maxima, "t", "t²"),
    "fremantle_gev_trend_scale": partial(maxima, "t", scale=("t",), published=None),
    "fremantle_gev_soi": partial(maxima, "soi"),
    "fremantle_gev_trend_soi": partial(maxima, "t", "soi"),
    "mle_hyperbolic_poisson": hyperbola,
    "reedfrog_binomial": frogs,
    "funcresp_binomial": eaten,
    "clotting_gamma_glm": clotting,
    "dobson_poisson": dobson,
    "docvis_hurdle_poisson": lambda: Problem(Hurdle(np.zeros(3), np.zeros(3)), doctors(False)),
    "docvis_zt_poisson": lambda: Problem(ZeroTruncated(np.zeros(3)), doctors(True)),
    "docvis_zt_nb": lambda: Problem(ZeroTruncatedNegativeBinomial(np.zeros(3)), doctors(True)),
}
