"""Refusals of fits: every one says where, what was found against what is needed, and what to do."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import xentjax as xj

X = np.array([1.0, 2.0, 3.0, 4.0, 6.0])
# one shape and few families, so that the refusals that come from inside a compiled fit compile little

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


class Elsewhere(xj.Density):
    """The protocol of numpyro, distrax and TFP."""

    batch_shape = event_shape = ()


def test_a_distribution_of_another_library_is_to_be_wrapped():
    with pytest.raises(
        TypeError, match=r"fit_mle: found a Elsewhere of another library .* supports .*; wrap it: Built"
    ):
        xj.fit_mle(Elsewhere(1.0, decay), X)


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


@pytest.mark.parametrize("x", [X, X * [1, -1, 1, 1, 1]], ids=["positive", "mixed"])
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


MISUSES = {
    "too heavy": (
        lambda: xj.fit_kl(xj.Normal, xj.Cauchy(0.0, 1.0)),
        ValueError,
        r"cross-entropy from Cauchy.* to Normal is not finite .* tails",
    ),
    "minimize": (
        lambda: xj.minimize(print, xj.Normal),
        TypeError,
        "minimize: found objective=.*with values",
    ),
    "tol": (lambda: xj.fit_mle(xj.Normal, X, tol="a"), ValueError, "fit_mle: found tol='a', but a gap > 0"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_calls_with_arguments_of_another_kind(name: str) -> None:
    call, error, match = MISUSES[name]
    with pytest.raises(error, match=match):
        call()
