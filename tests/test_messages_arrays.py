"""Refusals of data, weights and points: every one says where, what was found against what is needed, and what to do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import xentjax as xj

X = np.array([1.0, 2.0, 3.0, 4.0, 6.0])
# one shape and few families, so that the refusals that come from inside a compiled fit compile little


def changed(index, value, x=X):
    return np.where(np.arange(len(x)) == index, value, x)


BAD_DATA = {
    "constant": (xj.Normal, np.full(5, 2.0), r"found 5 equal .*, 2.0, but Normal needs .* differ.* scale=0\); hold"),
    "zeros": (
        xj.Exponential,
        np.zeros(5),
        r"found 5 .*, 0.0, but Expo.* needs .* not all 0.* Exponential\(rate=inf\); ",
    ),
    "no events": (
        xj.NegativeBinomial,
        np.zeros(5),
        r"found 5 equal .*, but NegativeBinomial needs .* not all 0.*; hold",
    ),
    "single point": (xj.Normal, np.array([2.0]), r"found a single observation, 2.0, but Normal needs .* gather more"),
    "scalar": (xj.Normal, 2.0, r"found data of shape \(\), but .* leading axis.* for a single .* write \[x\]"),
    "empty": (xj.Normal, np.array([]), r"found an empty array, but at least one observation is needed; "),
    "negative": (xj.Gamma, changed(2, -3.0), r"found data\[2\] = -3.0, but Gamma needs .* > 0; correct or"),
    "infinite": (xj.Normal, changed(1, np.inf), r"found data\[1\] = inf, but Normal needs .* a finite number;"),
    "not binary": (xj.Bernoulli, np.array([1, 0, 1.5, 0, 1]), r"found data\[2\] = 1.5, but Bernoulli .* 0 or 1;"),
    "no count": (xj.Poisson, changed(3, -1.0), r"found data\[3\] = -1.0, but Poisson needs .* whole number ≥ 0; "),
    "fraction": (xj.Poisson, changed(0, 0.5), r"found data\[0\] = 0.5, but Poisson needs .* whole number ≥ 0; "),
    "nan": (xj.Normal, changed(4, np.nan), r"found data\[4\] = nan, but numbers are needed; drop the observation"),
    "nan, Gamma": (xj.Gamma, changed(4, np.nan), r"found data\[4\] = nan, but numbers are needed; drop the obs"),
    "matrix": (xj.Normal, np.ones((5, 2)), r"found data of shape \(5, 2\), but Normal needs \[n\]; flatten"),
    "vector": (xj.MultivariateNormal, X, r"found data of shape \(5,\), but Multivar.* needs \[n, d\]; stack"),
    "too large": (xj.Poisson, np.array([1, 2**60, 3]), rf"found the whole number {2**60}, but beyond {2**53} .*;"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_cannot_be_used(name):
    family, x, message = BAD_DATA[name]
    with pytest.raises(ValueError, match="fit_mle: " + message):
        xj.fit_mle(family, x)


NO_ARRAYS = {
    "ragged": [[1.0, 2.0], [3.0]],
    "strings": ["1.0", "2.0"],
    "array of strings": np.array(["1.0", "2.0"]),
    "array of objects": np.array([1.0, None]),
    "masked array": np.ma.masked_array(X, mask=X == 2.0),
}


@pytest.mark.parametrize("name", NO_ARRAYS)
def test_data_that_are_no_arrays_of_numbers(name):
    with pytest.raises((TypeError, ValueError), match=r"fit_mle: found .*, but .* needed; .*(asarray|getmaskarray)"):
        xj.fit_mle(xj.Normal, NO_ARRAYS[name])


def test_the_data_of_a_masked_array_with_the_weights_that_its_message_names():
    x = np.ma.masked_array([1, 2, 3, 4, 600], mask=[False, False, False, False, True])
    fit = xj.fit_mle(xj.Poisson, x.data, weights=~np.ma.getmaskarray(x))
    assert float(fit.model.rate) == pytest.approx(x.compressed().mean(), rel=1e-15)  # a rounding or two


@pytest.mark.parametrize("x", [1e9 + X, 1e7 + 0.3 * X, 1e300 * X, (np.stack([X, 1e8 + X], 1), X)], ids=str)
def test_data_that_only_float64_tells_apart(x):
    line = xj.Regression(xj.Normal, loc=xj.Linear())
    with (
        jax.enable_x64(False),
        pytest.raises(ValueError, match=r"found data.* that float32 moves by up to .*; subtract .* use float64: .*x64"),
    ):
        xj.fit_mle(line if isinstance(x, tuple) else xj.Normal, x)


def test_rounding_of_data_to_float32_that_does_no_harm():
    with jax.enable_x64(False):
        fit = xj.fit_mle(xj.Normal, np.array([0.1, 0.2, 0.4, 100.7, 1e5]), weights=np.full(5, 1 / 3)).check()
        with pytest.raises(ValueError, match=r"found data of shape \(\), but .* for a single observation write \[x\]"):
            xj.fit_mle(xj.Normal, 3.0)
    assert fit.model.loc.dtype == "float32"


def test_a_value_of_half_precision_is_held():
    assert xj.fit_mle(xj.Normal, X, fixed={"scale": jnp.ones((), "bfloat16")}).model.scale == 1


@pytest.mark.parametrize("value", ["a", None])
def test_values_to_hold_that_are_no_numbers(value):
    with pytest.raises(TypeError, match=r"fit_mle: found fixed=\{'scale': .*\}, but a number or an array is needed\."):
        xj.fit_mle(xj.Normal, X, fixed={"scale": value})


BAD_WEIGHTS = {
    "negative": (changed(2, -1.0), r"found weights\[2\] = -1.0, but finite weights ≥ 0 are needed; "),
    "nan": (changed(0, np.nan), r"found weights\[0\] = nan, but finite weights ≥ 0 are needed; "),
    "infinite": (changed(1, np.inf), r"found weights\[1\] = inf, but finite weights ≥ 0 are needed; "),
    "all zero": (np.zeros(5), r"found only weights of 0, but at least one positive weight is needed; "),
    "too few": (np.ones(4), r"found weights of shape \(4,\) for 5 observations, but one weight .* check that"),
    "matrix": (
        np.ones((5, 1)),
        r"found weights of shape \(5, 1\) for 5 observations, but one weight for each",
    ),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_weights_that_are_no_weights(name):
    weights, message = BAD_WEIGHTS[name]
    with pytest.raises(ValueError, match="fit_mle: " + message):
        xj.fit_mle(xj.Normal, X, weights=weights)


BAD_POINTS = {
    "negative": ([1.0, 2.0], [1.0, -1.0], r"found weights\[1\] = -1.0, but finite weights ≥ 0 are needed; "),
    "nan": ([1.0, 2.0], jnp.array([jnp.nan, 1.0]), r"found weights\[0\] = nan, but finite weights ≥ 0 are needed; "),
    "all zero": ([1.0, 2.0], [0, 0], r"found only weights of 0, but at least one positive weight is needed; "),
    "too few": (X, [1.0, 1.0], r"found weights of shape \(2,\) for 5 observations, but one weight .* check that"),
    "empty": ([], None, r"found an empty array, but at least one observation is needed; "),
    "ragged": (
        [[1.0, 2.0], [3.0]],
        None,
        r"found data of shape \(2,\) in data\[0\], \(1,\) in data\[1\], but arrays with one common .* needed; ",
    ),
    "two lengths": ((X, X[:2]), None, r"found data of shape \(5,\) in data\[0\], \(2,\) in .*, but arrays .* needed; "),
}


@pytest.mark.parametrize("name", BAD_POINTS)
def test_points_that_are_no_source(name):
    data, weights, message = BAD_POINTS[name]
    source = xj.Empirical(data, weights)
    with pytest.raises(ValueError, match=r"Empirical.expect: " + message):
        source.expect(lambda x: x)
    with pytest.raises(ValueError, match=r"cross_entropy: " + message):
        xj.cross_entropy(source, xj.Normal(0.0, 1.0))


BEYOND_THE_ENDS = {
    "Zeta": (lambda: xj.fit_mle(xj.Zeta(2.0, 10), [5, 12, 20]), r"found data\[0\] = 5, but Zeta.* excludes it"),
    "Uniform": (
        lambda: xj.fit_mle(xj.Uniform, [1.0, 2, 3], fixed={"high": 2.5}),
        r"data\[2\] = 3.0, but Uni.* excl",
    ),
    "Pareto": (lambda: xj.fit_mle(xj.Pareto, [1.0, 2, 3], fixed={"scale": 2.0}), r"data\[0\] = 1.0, but Pareto.* excl"),
    "Multinomial": (
        lambda: xj.fit_mle(xj.Multinomial(3, [0.5, 0.5]), np.array([[1, 2], [2, 2]])),
        r"data\[1\] = \[2 2\], but Multinomial.* excludes it",
    ),
    "Binomial": (
        lambda: xj.fit_kl(xj.Binomial(3, 0.5), xj.Binomial(5, 0.5)),
        "found a source, Binomial.*, with values beyond the ends of Binomial",
    ),
}


@pytest.mark.parametrize("name", BEYOND_THE_ENDS)
def test_what_statistics_do_not_see_lies_beyond_the_ends_of_a_model(name: str) -> None:
    fit, match = BEYOND_THE_ENDS[name]
    with pytest.raises(ValueError, match=match):
        fit()


def test_ends_are_checked_in_every_lane() -> None:
    def fit(high: jax.Array) -> xj.Fit:
        return xj.fit_mle(xj.Uniform, jnp.asarray([1.0, 2.0, 3.0]), fixed={"high": high})

    assert list(jax.vmap(fit)(jnp.asarray([2.5, 3.5])).status) == [xj.Status.BAD_DATA, xj.Status.CONVERGED]


def test_an_axis_counted_from_the_first_of_arrays_of_unequal_dimensions() -> None:
    p = jnp.asarray([0.2, 0.3, 0.5])
    for function in (xj.kl_divergence, xj.jensen_shannon, xj.total_variation):
        with pytest.raises(ValueError, match=r"found arrays of \d and \d dimensions with axis=0"):
            function(p, jnp.stack([p, p, p], 1), axis=0)


LINE = xj.Regression(xj.Normal, loc=xj.Linear())
MISUSES = {
    "too large": (
        lambda: xj.fit_mle(xj.Normal, np.array([1e30, 2e30, 4e30], "float32")),
        ValueError,
        r"found observations of a size of 4e\+30 in float32, but sizes",
    ),
    "traced": (
        lambda: jax.jit(lambda x: xj.fit_mle(xj.Normal, x).check().model)(X),
        TypeError,
        r"Fit.check: found a Fit inside jit, vmap or grad, .*; return it, and check outside",
    ),
    "swapped": (
        lambda: xj.fit_mle(LINE, (X, {"a": X})),
        TypeError,
        r"fit: found the columns a as the responses .*, but .* in this order, is needed: \(x, y\)",
    ),
    "labels": (
        lambda: xj.fit_mle(LINE, ({"a": X, "b": ["u"] * len(X)}, X)),
        TypeError,
        r"fit_mle: found data\[0\]\['b'\]\[0\] of type <U1, but numbers are needed",
    ),
    "unequal": (
        lambda: xj.fit_mle(LINE, ({"a": X, "b": X[1:]}, X)),
        ValueError,
        r"fit_mle: found data of shape \((\d+),\) in data\[0\]\['a'\], \(\d+,\) in data\[0\]\['b'\], but",
    ),
    "nameless": (
        lambda: xj.Linear(coefficients={"intercept": 1.0, "a": 2.0})([1.0]),
        ValueError,
        r"Linear: found covariates without names for coefficients of a, but a dict of columns is needed",
    ),
    "observations": (
        lambda: xj.cross_entropy(-X, xj.Normal(0.0, 1.0)),
        ValueError,
        r"cross_entropy: found p\[0\] = .*, but probabilities ≥ 0 are needed; .* the source Empirical\(x\)",
    ),
    "a fit": (
        lambda: xj.inference.kolmogorov_smirnov(xj.fit_mle(xj.Normal, X), X),
        TypeError,
        r"kolmogorov_smirnov: found a Fit, but a distribution .* is needed; give fit.model",
    ),
    "whole numbers": (
        lambda: xj.minimize(lambda p: (p - 3.0) ** 2, 0),
        TypeError,
        r"minimize: found the start 0, in which no number can move, but floats are needed; write 0.0",
    ),
    "complex": (
        lambda: xj.fit_mle(xj.Normal, jnp.array([1 + 1j, 2, 3])),
        TypeError,
        r"fit_mle: found data of type complex128, but numbers are needed",
    ),
    "rows": (
        lambda: xj.cross_entropy(xj.Empirical(np.ones((5, 2))), xj.Normal(0.0, 1.0)),
        ValueError,
        r"cross_entropy: found points of shape \(5, 2\) for q = Normal",
    ),
}


@pytest.mark.parametrize("name", MISUSES)
def test_calls_with_arguments_of_another_kind(name: str) -> None:
    call, error, match = MISUSES[name]
    with pytest.raises(error, match=match):
        call()
