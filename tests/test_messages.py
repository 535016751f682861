"""Every refusal says where, what was found against what is needed, and what to do."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
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
}


@pytest.mark.parametrize("name", NO_ARRAYS)
def test_data_that_are_no_arrays_of_numbers(name):
    with pytest.raises((TypeError, ValueError), match=r"fit_mle: found .*, but .* needed; .*asarray"):
        xj.fit_mle(xj.Normal, NO_ARRAYS[name])


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


BAD_FIXED = {
    "unknown, class": (
        xj.Normal,
        {"sigma": 1.0},
        r"found fixed='sigma', but Normal has the parameters loc, scale; use",
    ),
    "unknown, instance": (
        xj.Normal(0.0, 1.0),
        ["sigma"],
        r"found fixed='sigma', but Normal has the .* loc, scale; use",
    ),
    "outside, class": (
        xj.Normal,
        {"scale": -1.0},
        r"found fixed=\{'scale': -1.0\}, but a finite number > 0 is needed; ",
    ),
    "outside, instance": (xj.Normal(0.0, 1.0), {"scale": 0.0}, r"found fixed=\{'scale': 0.0\}, but .* > 0 is needed; "),
    "no values": (
        xj.Normal,
        ["scale"],
        r"found names to hold without values, \['scale'\], but .* write fixed=\{'scale'",
    ),
}


@pytest.mark.parametrize("name", BAD_FIXED)
def test_parameters_that_cannot_be_held(name):
    model, fixed, message = BAD_FIXED[name]
    with pytest.raises(ValueError, match="fit_mle: " + message):
        xj.fit_mle(model, X, fixed=fixed)


def test_a_single_name_to_hold_needs_brackets():
    with pytest.raises(TypeError, match=r"fit_mle: found fixed='scale', but a collection .* write \['scale'\]"):
        xj.fit_mle(xj.Normal, X, fixed="scale")


class Unregistered:
    """No pytree: its parameters cannot be seen."""

    def __init__(self):
        self.rate = 1.0

    def log_prob(self, x):
        return jnp.log(self.rate) - self.rate * x


@xj.record
class Startless:
    """A record has no start from data."""

    rate: xj.Parameter = xj.positive(1.0)

    def log_prob(self, x):
        return jnp.log(self.rate) - self.rate * x


def decay(params, x):
    return jnp.log(params) - params * x


BAD_MODEL = {
    "Categorical": (
        xj.Categorical,
        r"found the class Categorical, whose structure .* pass an instance .* Categorical\(",
    ),
    "Mixture": (xj.Mixture, r"found the class Mixture, whose structure .* pass an instance .* Mixture\("),
    "record": (Startless, r"fit_mle: found the class Startless, which computes no start .* fit_mle\(Startless\(\.\.\."),
    "function": (decay, r"fit_mle: found the function 'decay' as the model, but .* wrap it: Density\("),
    "no pytree": (Unregistered(), r"fit_mle: found a Unregistered, which is no pytree.* @xentjax.record.* Built\("),
    "swapped": (X, r"fit_mle: found a ndarray as the model, but .* the model comes first, as in fit_mle\(Gamma"),
}


@pytest.mark.parametrize("name", BAD_MODEL)
def test_models_that_are_no_models(name):
    model, message = BAD_MODEL[name]
    with pytest.raises(TypeError, match=message):
        xj.fit_mle(model, xj.Gamma if name == "swapped" else X)


def test_an_optimizer_that_was_not_called():
    with pytest.raises(
        TypeError, match=r"fit_mle: found optimizer=<function adam.*; call it, as in .*optax.adam\(1e-2\)"
    ):
        xj.fit_mle(xj.Normal, X, optimizer=optax.adam)


@pytest.mark.parametrize("steps", [0, 2.5, True, 2**31])
def test_steps_that_are_no_count(steps):
    with pytest.raises(
        ValueError, match=rf"fit_mle: found max_steps={steps}, but a whole number from 1 to .* is needed; "
    ):
        xj.fit_mle(xj.Normal, X, max_steps=steps)


@pytest.mark.parametrize("x", [X, changed(1, -2.0)], ids=["positive", "mixed"])
def test_data_given_as_a_source_are_sent_to_the_function_for_data(x):
    with pytest.raises((TypeError, ValueError), match=r"fit_kl: found .* fit_mle"):
        xj.fit_kl(xj.Gamma, x)


def test_a_distribution_given_as_data_is_sent_to_the_function_for_distributions():
    with pytest.raises((TypeError, ValueError), match=r"fit_mle: found .*Gamma.* fit_kl"):
        xj.fit_mle(xj.Normal, xj.Gamma(2.0, 1.0))


def test_a_class_is_no_source():
    with pytest.raises(TypeError, match=r"fit_kl: found the class Gamma.*, but .* needed"):
        xj.fit_kl(xj.Normal, xj.Gamma)


def test_probabilities_that_do_not_sum_to_one_are_no_source():
    with pytest.raises(ValueError, match=r"fit_kl: found source with a total of 0.4 .*, but 1 is needed; divide by"):
        xj.fit_kl(xj.Poisson, np.array([0.2, 0.2]))


@pytest.mark.parametrize(
    ("model", "source", "found"),
    [
        (xj.Poisson, xj.Zeta(3.0, 1.0), r"log Γ\(x \+ 1\)"),
        (xj.StudentT(4.0, 0.0, 1.0), xj.Normal(0.0, 1.0), ""),
    ],
    ids=["Poisson", "StudentT"],
)
def test_without_a_closed_form_the_ways_by_points_are_named(model, source, found):
    with pytest.raises(TypeError, match=rf"found no closed form .*{found}.* quadrature.* monte_carlo"):
        xj.fit_kl(model, source)


QUANTITIES = {"log_likelihood": lambda fit: fit.log_likelihood, "standard_errors": lambda fit: fit.standard_errors()}


@pytest.mark.parametrize("name", QUANTITIES)
def test_a_fit_to_a_distribution_has_no_number_of_observations(name):
    fit = xj.fit_kl(xj.Normal, xj.Gamma(4.0, 2.0))
    with pytest.raises(ValueError, match=rf"{name}: found a fit to a known distribution, but .* fit_mle"):
        QUANTITIES[name](fit)


def test_minimize_knows_the_names_of_its_parameters():
    with pytest.raises(
        ValueError, match=r"minimize: found fixed='rate', but Normal has the parameters loc, scale; use"
    ):
        xj.minimize(lambda q: q.loc**2, xj.Normal(0.0, 1.0), fixed=["rate"])


def test_data_that_only_float64_tells_apart():
    with (
        jax.enable_x64(False),
        pytest.raises(ValueError, match=r"found 5 observations that differ.* in float32, but .*; use float64, .*x64"),
    ):
        xj.fit_mle(xj.Normal, 1e9 + X)


class Elsewhere(xj.Density):
    """The protocol of numpyro, distrax and TFP."""

    batch_shape = event_shape = ()


def test_a_distribution_of_another_library_is_to_be_wrapped():
    with pytest.raises(
        TypeError, match=r"fit_mle: found a Elsewhere of another library .* supports .*; wrap it: Built"
    ):
        xj.fit_mle(Elsewhere(1.0, decay), X)


NO_NUMBERS = {
    "ragged": lambda: xj.MultivariateNormal([0.0, 0.0], [[1.0, 0.0], [0.0]]),
    "strings": lambda: xj.MultivariateNormal([0.0, 0.0], ["1", "0"]),
    "nothing": lambda: xj.MultivariateNormal([0.0, 0.0], None),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_parameters_that_are_no_numbers(name):
    with pytest.raises(TypeError, match=r"MultivariateNormal: found covariance = .*, but numbers are needed; .* list"):
        NO_NUMBERS[name]()


BAD_POINTS = {
    "negative": ([1.0, 2.0], [1.0, -1.0], r"found weights\[1\] = -1.0, but finite weights ≥ 0 are needed; "),
    "nan": ([1.0, 2.0], jnp.array([jnp.nan, 1.0]), r"found weights\[0\] = nan, but finite weights ≥ 0 are needed; "),
    "all zero": ([1.0, 2.0], [0, 0], r"found only weights of 0, but at least one positive weight is needed; "),
    "too few": (X, [1.0, 1.0], r"found weights of shape \(2,\) for 5 observations, but one weight .* check that"),
    "empty": ([], None, r"found an empty array, but at least one observation is needed; "),
    "ragged": (
        [[1.0, 2.0], [3.0]],
        None,
        r"found data of shape \(2,\), \(1,\), but arrays with one common .* needed; ",
    ),
    "two lengths": ((X, X[:2]), None, r"found data of shape \(5,\), \(2,\), but arrays with one common .* needed; "),
}


@pytest.mark.parametrize("name", BAD_POINTS)
def test_points_that_are_no_source(name):
    data, weights, message = BAD_POINTS[name]
    source = xj.Empirical(data, weights)
    with pytest.raises(ValueError, match=r"Empirical.expect: " + message):
        source.expect(lambda x: x)
    with pytest.raises(ValueError, match=r"cross_entropy: " + message):
        xj.cross_entropy(source, xj.Normal(0.0, 1.0))


CALLS = {
    "entropy": xj.entropy,
    "cross_entropy": lambda p: xj.cross_entropy(p, xj.Normal(0.0, 1.0)),
    "kl_divergence": lambda p: xj.kl_divergence(p, xj.Normal(0.0, 1.0)),
    "quadrature": xj.quadrature,
    "monte_carlo": lambda p: xj.monte_carlo(p, jax.random.key(0), 3),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_truth_outside_its_supports(name):
    with pytest.raises(ValueError, match=name + r": found scale = -1.0 in p, a Normal, but .* > 0 is needed; correct"):
        CALLS[name](xj.Normal(0.0, -1.0))
    with pytest.raises(TypeError, match=name + r": found the class Normal as p, but .* needed; .* Normal\(\.\.\.\)"):
        CALLS[name](xj.Normal)
    # inside jit nothing raises
    jax.eval_shape(lambda: CALLS[name](xj.Normal(0.0, -1.0)))


@pytest.mark.parametrize("function", [xj.cross_entropy, xj.kl_divergence])
def test_a_model_outside_its_supports(function):
    with pytest.raises(ValueError, match=r": found scale = nan in q, a Normal, but a finite number > 0 is needed; "):
        function(xj.Normal(0.0, 1.0), xj.Normal(0.0, jnp.nan))
    mixture = xj.Mixture([0.5, 0.5], xj.Normal([0.0, 1.0], [1.0, -1.0]))
    with pytest.raises(ValueError, match=r": found components.scale = \[ 1. -1.\] in q, a Mixture, but .* needed; "):
        function(xj.Normal(0.0, 1.0), mixture)


def test_ends_of_supports_that_have_a_meaning():
    for p in (xj.Bernoulli(0.0), xj.Bernoulli(1.0), xj.Categorical([0.0, -jnp.inf])):
        assert xj.entropy(p) == xj.kl_divergence(p, p) == xj.cross_entropy(p, p) == 0
    assert xj.kl_divergence(xj.Poisson(0.0), xj.Poisson(1.0)) == 1
    with pytest.raises(ValueError, match=r"entropy: found logits = \[-inf -inf\] in p, a Categorical, but .* needed; "):
        xj.entropy(xj.Categorical([-jnp.inf, -jnp.inf]))


SIZES = {
    "Categorical": (xj.Categorical([0.0, 1.0]), xj.Categorical([0.0, 1.0, 2.0]), "on 2 categories .* on 3 categories"),
    "Dirichlet": (xj.Dirichlet([1, 2]), xj.Dirichlet([1, 2, 3]), "on vectors of 2 numbers .* on vectors of 3 numbers"),
    "MultivariateNormal": (
        xj.MultivariateNormal([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]]),
        xj.MultivariateNormal([0.0], [[1.0]]),
        "on vectors of 2 numbers .* on vectors of 1 numbers",
    ),
    "Normal": (xj.Normal(0.0, 1.0), xj.MultivariateNormal([0.0], [[1.0]]), "on single numbers .* on vectors of 1"),
}


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("function", [xj.cross_entropy, xj.kl_divergence])
def test_points_of_different_sizes(name, function):
    p, q, found = SIZES[name]
    with pytest.raises(ValueError, match=rf"{function.__name__}: found p = .* {found}.*, but .* needed; give both"):
        function(p, q)


def test_a_divergence_without_closed_form_names_the_two_calls_by_points():
    p = xj.Mixture([0.5, 0.5], xj.Normal([-1.0, 1.0], [1.0, 1.0]))
    recipe = r"cross_entropy\(quadrature\(p\), q\) - cross_entropy\(quadrature\(p\), p\)"
    with pytest.raises(TypeError, match=rf"kl_divergence: found no closed form .* p = Mixture, but .* {recipe}"):
        xj.kl_divergence(p, xj.Normal(0.0, 1.0))


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


def test_names_to_hold_are_names() -> None:
    with pytest.raises(ValueError, match="unconstrain: found fixed='rat', but Gamma has the parameters"):
        xj.unconstrain(xj.Gamma(1.0, 1.0), fixed=["rat"])
    with pytest.raises(TypeError, match="unconstrain: found fixed='rate', but a collection of names"):
        xj.unconstrain(xj.Gamma(1.0, 1.0), fixed="rate")


def test_an_axis_counted_from_the_first_of_arrays_of_unequal_dimensions() -> None:
    p = jnp.asarray([0.2, 0.3, 0.5])
    for function in (xj.kl_divergence, xj.jensen_shannon, xj.total_variation):
        with pytest.raises(ValueError, match=r"found arrays of \d and \d dimensions with axis=0"):
            function(p, jnp.stack([p, p, p], 1), axis=0)


COMPONENTS = {
    "one weight": (
        lambda: xj.Mixture([1.0], xj.Normal([0.0, 1.0], [1.0, 1.0])),
        r"1 weights .* shapes \(2,\), but",
    ),
    "one scale": (lambda: xj.Mixture([0.5, 0.5], xj.Normal([0.0, 1.0], 1.0)), r"2 weights .* shapes \(2,\), \(\), but"),
    "a list": (lambda: xj.Mixture([0.5, 0.5], [xj.Normal(0.0, 1.0)] * 2), r"shapes \(\), but one instance"),
}


@pytest.mark.parametrize("name", COMPONENTS)
def test_components_have_one_value_for_each_weight(name: str) -> None:
    build, match = COMPONENTS[name]
    with pytest.raises(ValueError, match=f"Mixture: found .*{match}"):
        build().log_prob(0.0)


MISUSES = {
    "too heavy": (
        lambda: xj.fit_kl(xj.Normal, xj.Cauchy(0.0, 1.0)),
        ValueError,
        r"cross-entropy from Cauchy.* to Normal is not finite .* tails",
    ),
    "too large": (
        lambda: xj.fit_mle(xj.Normal, np.array([1e30, 2e30, 4e30], "float32")),
        ValueError,
        r"found observations of a size of 4e\+30 in float32, but sizes",
    ),
    "Density": (lambda: xj.Density(print, {"rate": 1.0}), TypeError, r"Density: found {'rate': 1.0} as the function"),
    "minimize": (
        lambda: xj.minimize(print, xj.Normal),
        TypeError,
        "minimize: found objective=.*with values",
    ),
    "tol": (lambda: xj.fit_mle(xj.Normal, X, tol="a"), ValueError, "fit_mle: found tol='a', but a gap > 0"),
    "no points": (lambda: xj.quadrature(xj.Normal(0.0, 1.0), -1), ValueError, "quadrature: found num_points=-1, but"),
    "no samples": (
        lambda: xj.monte_carlo(xj.Normal(0.0, 1.0), jax.random.key(0), 0),
        ValueError,
        "monte_carlo: found num_samples=0, but a whole number",
    ),
    "no key": (
        lambda: xj.monte_carlo(xj.Normal(0.0, 1.0), 0, 10),
        TypeError,
        "monte_carlo: found key=0, but a",
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


def test_a_quantile_is_of_one_probability() -> None:
    with pytest.raises(ValueError, match=r"Gamma.quantile: found probabilities of shape \(2,\)"):
        xj.Gamma(1.0, 1.0).quantile(jnp.asarray([0.1, 0.2]))
