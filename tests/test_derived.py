"""Derived quantities as a book prints them: covariances, Wald intervals and return levels of Coles (2001).

The values are those of sections 3.4.1 (Port Pirie) and 4.4.1 (rain) of An Introduction to Statistical Modeling of
Extreme Values, as quoted in the tests of Extremes.jl (MIT). What was recomputed to full precision is in test_golden.
"""

import functools
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import xentjax as xj
from xentjax import inference

DATA = Path(__file__).parent / "golden" / "data"
SEA = np.loadtxt(DATA / "port_pirie.csv", skiprows=1)
RAIN = np.loadtxt(DATA / "rain.csv", skiprows=1) - 30.0
# rain above 30 mm on 152 of 17531 days
PER_YEAR = 365 * 152 / 17531


@functools.cache
def fit_of(name):
    sea = name == "sea"
    return xj.fit_mle(xj.GeneralizedExtremeValue if sea else xj.GeneralizedPareto, SEA if sea else RAIN).check()


def assert_printed(found, printed):
    """Equal to one unit of the last printed digit: the book's optimiser stopped about there."""
    assert np.shape(found) == np.shape(printed)
    for value, text in zip(np.ravel(found), np.ravel(printed), strict=True):
        assert abs(value - float(text)) <= 10.0 ** -len(text.partition(".")[2]), (value, text)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        (
            "sea",
            [
                ["0.000780", "0.000197", "-0.00107"],
                ["0.000197", "0.000410", "-0.000778"],
                ["-0.00107", "-0.000778", "0.00965"],
            ],
        ),
        ("rain", [["0.9188", "-0.0655"], ["-0.0655", "0.0102"]]),
    ],
)
def test_covariances_are_those_printed(name, printed):
    assert_printed(inference.observed_covariance(fit_of(name)).natural(), printed)


def all_three(q):
    return jnp.stack([q.loc, q.scale, q.shape])


def test_symmetric_intervals_are_those_printed():
    found = inference.delta(all_three, fit_of("sea"))
    assert_printed(jnp.stack([found.low, found.high], 1), [["3.82", "3.93"], ["0.158", "0.238"], ["-0.242", "0.142"]])


def of_a_century(q):
    return 30.0 + q.quantile(1 - 1 / (100 * PER_YEAR))


def test_rain_of_a_century():
    assert_printed(inference.delta(of_a_century, fit_of("rain")).value, "106.3")


@xj.record
class ReturnLevel:
    """Yearly maxima by the level that they exceed once in so many years, in place of the location."""

    level: xj.Parameter = xj.real(0.0)
    scale: xj.Parameter = xj.positive(1.0)
    shape: xj.Parameter = xj.real(0.1)
    years: xj.Parameter = xj.positive(10.0)

    def log_prob(self, x):
        above = xj.GeneralizedExtremeValue(jnp.zeros_like(x), self.scale, self.shape).quantile(1 - 1 / self.years)
        return xj.GeneralizedExtremeValue(self.level - above, self.scale, self.shape).log_prob(x)


# the quoted interval of ten years has the lower end of the delta method (the likelihood ratio there is 5.4, not 3.84)
@pytest.mark.parametrize(
    ("years", "level", "low_is_symmetric", "printed"),
    [(10.0, "4.30", True, ["4.19", "4.45"]), (100.0, "4.69", False, ["4.50", "5.27"])],
)
def test_a_derived_quantity_has_a_profile_where_it_is_a_parameter(years, level, low_is_symmetric, printed):
    q = fit_of("sea").model
    start = ReturnLevel(q.quantile(1 - 1 / years), q.scale, q.shape, years)
    fit = xj.fit_mle(start, SEA, fixed={"years": years}).check()
    assert_printed(fit.model.level, level)
    # the same model in other parameters: its estimate and error are those of the delta method, to the last Newton step
    derived = inference.delta(lambda q: q.quantile(1 - 1 / years), fit_of("sea"))
    np.testing.assert_allclose(fit.model.level, derived.value, rtol=1e-9)
    np.testing.assert_allclose(fit.standard_errors().level, derived.standard_error, rtol=1e-6)
    low, high = inference.profile_interval(fit, SEA, "level")
    assert_printed(jnp.stack([derived.low if low_is_symmetric else low, high]), printed)
