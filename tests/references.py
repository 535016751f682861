"""What the rows of `tables` are compared with: divergences in mpmath, and the distributions that scipy lacks.

The divergences are the textbook formulas, whose cancellation costs nothing in mpmath.
"""

import types
from typing import Any

import mpmath
import numpy as np
import scipy.stats
from mpmath import mp


def bernoulli_kl(p: Any, q: Any) -> Any:
    return p * mp.log(p / q) + (1 - p) * mp.log((1 - p) / (1 - q))


def categorical_kl(p: list, q: list) -> Any:
    log_p, log_q = ([u - mp.log(sum(map(mp.exp, logits))) for u in logits] for logits in (p, q))
    return sum(mp.exp(a) * (a - b) for a, b in zip(log_p, log_q, strict=True))


def cauchy_kl(loc: Any, scale: Any, q_loc: Any, q_scale: Any) -> Any:
    return mp.log(((scale + q_scale) ** 2 + (loc - q_loc) ** 2) / (4 * scale * q_scale))


def dirichlet_kl(p: list, q: list) -> Any:
    n = sum(p)
    norm = (
        mp.loggamma(n) - mp.loggamma(sum(q)) + sum(mp.loggamma(b) - mp.loggamma(a) for a, b in zip(p, q, strict=True))
    )
    return norm + sum((a - b) * (mp.digamma(a) - mp.digamma(n)) for a, b in zip(p, q, strict=True))


def gamma_kl(a: Any, rate: Any, b: Any, q_rate: Any) -> Any:
    norm = mp.loggamma(b) - mp.loggamma(a) + b * mp.log(rate / q_rate)
    return norm + (a - b) * mp.digamma(a) + a * (q_rate - rate) / rate


def gumbel_kl(loc: Any, scale: Any, q_loc: Any, q_scale: Any) -> Any:
    r, d = scale / q_scale, (loc - q_loc) / q_scale
    return -mp.log(r) + d + r * mp.euler + mp.exp(-d) * mp.gamma(1 + r) - mp.euler - 1


def generalized_gamma_kl(a: Any, scale: Any, p: Any, b: Any, q_scale: Any, q: Any) -> Any:
    norm = mp.log(p / q) + mp.loggamma(b) - mp.loggamma(a) + b * q * mp.log(q_scale) - a * p * mp.log(scale)
    log_mean = mp.log(scale) + mp.digamma(a) / p
    return norm + (a * p - b * q) * log_mean - a + (scale / q_scale) ** q * mp.gamma(a + q / p) / mp.gamma(a)


def inverse_gaussian_kl(mean: Any, shape: Any, q_mean: Any, q_shape: Any) -> Any:
    distance = (mean - q_mean) ** 2 / (q_mean**2 * mean) + 1 / shape
    return (mp.log(shape / q_shape) + q_shape * distance - 1) / 2


def continuous_bernoulli_kl(p: Any, q: Any) -> Any:
    t, u = mp.log(p / (1 - p)), mp.log(q / (1 - q))
    mean = 1 / (1 - mp.exp(-t)) - 1 / t
    return (t - u) * mean - mp.log(mp.expm1(t) / t) + mp.log(mp.expm1(u) / u)


def gompertz_kl(c: Any, rate: Any, d: Any, q_rate: Any) -> Any:
    k = q_rate / rate
    power = mp.exp(c) * c**-k * mp.gammainc(k + 1, c)
    return mp.log(c * rate / (d * q_rate)) + (1 - k) * mp.exp(c) * mp.e1(c) - 1 + d * (power - 1)


def von_mises_kl(loc: Any, k: Any, q_loc: Any, m: Any) -> Any:
    norms = mp.log(mp.besseli(0, m) / mp.besseli(0, k))
    return norms + mp.besseli(1, k) / mp.besseli(0, k) * (k - m * mp.cos(loc - q_loc))


def wrapped_cauchy_kl(loc: Any, r: Any, q_loc: Any, s: Any) -> Any:
    return mp.log((1 + (r * s) ** 2 - 2 * r * s * mp.cos(loc - q_loc)) / ((1 - r * r) * (1 - s * s)))


def laplace_kl(loc: Any, scale: Any, q_loc: Any, q_scale: Any) -> Any:
    d = abs(loc - q_loc)
    return mp.log(q_scale / scale) + (d + scale * mp.exp(-d / scale)) / q_scale - 1


def asymmetric_laplace_kl(loc: Any, scale: Any, k: Any, q_loc: Any, q_scale: Any, q_k: Any) -> Any:
    # E ρ(x − q_loc) is linear where no x lies on the other side of q_loc, and the mean excess of those that do
    if loc < q_loc:
        return asymmetric_laplace_kl(-loc, scale, 1 - k, -q_loc, q_scale, 1 - q_k)
    d, mean = loc - q_loc, scale * (1 - 2 * k) / (k * (1 - k))
    check = q_k * (d + mean) + scale * k / (1 - k) * mp.exp(-(1 - k) * d / scale)
    return mp.log(k * (1 - k) * q_scale / (q_k * (1 - q_k) * scale)) + check / q_scale - 1


def moyal_kl(loc: Any, scale: Any, q_loc: Any, q_scale: Any) -> Any:
    r, d, mean = scale / q_scale, (loc - q_loc) / q_scale, mp.euler + mp.log(2)
    power = mp.power(2, r) * mp.gamma(r + mp.mpf(1) / 2) / mp.sqrt(mp.pi)
    return -mp.log(r) + (d + r * mean + mp.exp(-d) * power - mean - 1) / 2


def normal_kl(loc: Any, scale: Any, q_loc: Any, q_scale: Any) -> Any:
    return mp.log(q_scale / scale) + (scale**2 + (loc - q_loc) ** 2) / (2 * q_scale**2) - mp.mpf(1) / 2


def multivariate_normal_kl(loc: list, covariance: list, q_loc: list, q_covariance: list) -> Any:
    p, q = mpmath.matrix(covariance.tolist()), mpmath.matrix(q_covariance.tolist())
    d, inverse = mpmath.matrix((loc - q_loc).tolist()), mpmath.inverse(q)
    trace = sum((inverse * p)[i, i] for i in range(len(loc)))
    return (trace + (d.T * inverse * d)[0] - len(loc) + mp.log(mpmath.det(q) / mpmath.det(p))) / 2


def uniform_kl(low: Any, high: Any, q_low: Any, q_high: Any) -> Any:
    return mp.log((q_high - q_low) / (high - low))


def weibull_kl(k: Any, scale: Any, q_k: Any, q_scale: Any) -> Any:
    norm = mp.log(k / scale**k) - mp.log(q_k / q_scale**q_k)
    return norm + (k - q_k) * (mp.log(scale) - mp.euler / k) + (scale / q_scale) ** q_k * mp.gamma(q_k / k + 1) - 1


def logarithmic_kl(p: Any, q: Any) -> Any:
    mean = -p / ((1 - p) * mp.log(1 - p))
    return mp.log(p / q) * mean + mp.log(mp.log(1 - q) / mp.log(1 - p))


def zeta_kl(s: Any, low: Any, t: Any, _: Any) -> Any:
    slope = mp.zeta(s, low, 1) / mp.zeta(s, low)
    return mp.log(mp.zeta(t, low) / mp.zeta(s, low)) - (t - s) * slope


def conway_maxwell_poisson_kl(rate: Any, nu: Any, q_rate: Any, q_nu: Any) -> Any:
    reach = range(int(rate + 12 * mp.sqrt(rate / nu) + 150 / nu) + 20)
    factorials = [mp.loggamma(k + 1) for k in reach]

    def log_probs(rate: Any, nu: Any) -> list:
        terms = [nu * (k * mp.log(rate) - f) for k, f in zip(reach, factorials, strict=True)]
        norm = mp.log(mp.fsum(map(mp.exp, terms)))
        return [term - norm for term in terms]

    pairs = zip(log_probs(rate, nu), log_probs(q_rate, q_nu), strict=True)
    return mp.fsum(mp.exp(a) * (a - b) for a, b in pairs)


# scipy lacks these distributions, or cuts the circle elsewhere


def continuous_bernoulli(probs: Any) -> Any:
    t = np.log(probs) - np.log1p(-probs)
    return types.SimpleNamespace(
        logpdf=lambda x: t * x - np.log(np.expm1(t) / t), ppf=lambda u: np.log1p(np.multiply(u, np.expm1(t))) / t
    )


def kumaraswamy(a: Any, b: Any) -> Any:
    return types.SimpleNamespace(
        logpdf=lambda x: np.log(a * b) + (a - 1) * np.log(x) + (b - 1) * np.log1p(-(x**a)),
        ppf=lambda u: (-np.expm1(np.log1p(np.negative(u)) / b)) ** (1 / a),
    )


def logit_normal(loc: Any, scale: Any) -> Any:
    normal = scipy.stats.norm(loc, scale)
    return types.SimpleNamespace(
        logpdf=lambda x: normal.logpdf(scipy.special.logit(x)) - np.log(x) - np.log1p(-x),
        ppf=lambda u: scipy.special.expit(normal.ppf(u)),
    )


def circular(loc: Any, centered: Any) -> Any:
    """A distribution about 0, moved: its points are put between −π and π."""
    return types.SimpleNamespace(
        logpdf=lambda x: centered.logpdf(np.mod(x - loc, 2 * np.pi)),
        ppf=lambda u: np.mod(centered.ppf(u) + loc + np.pi, 2 * np.pi) - np.pi,
    )
