"""Refusals of distributions: every one says where, what was found against what is needed, and what to do."""

import jax
import jax.numpy as jnp
import pytest

import xentjax as xj

NO_NUMBERS = {
    "ragged": lambda: xj.MultivariateNormal([0.0, 0.0], [[1.0, 0.0], [0.0]]),
    "strings": lambda: xj.MultivariateNormal([0.0, 0.0], ["1", "0"]),
    "nothing": lambda: xj.MultivariateNormal([0.0, 0.0], None),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_parameters_that_are_no_numbers(name):
    with pytest.raises(TypeError, match=r"MultivariateNormal: found covariance = .*, but numbers are needed; .* list"):
        NO_NUMBERS[name]()


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


def test_names_to_hold_are_names() -> None:
    with pytest.raises(ValueError, match="unconstrain: found fixed='rat', but Gamma has the parameters"):
        xj.unconstrain(xj.Gamma(1.0, 1.0), fixed=["rat"])
    with pytest.raises(TypeError, match="unconstrain: found fixed='rate', but a collection of names"):
        xj.unconstrain(xj.Gamma(1.0, 1.0), fixed="rate")


COMPONENTS = {
    "one weight": (
        lambda: xj.Mixture([1.0], xj.Normal([0.0, 1.0], [1.0, 1.0])),
        r"1 weights .* shapes \(2,\), but",
    ),
    "one scale": (lambda: xj.Mixture([0.5, 0.5], xj.Normal([0.0, 1.0], 1.0)), r"2 weights .* shapes \(2,\), \(\), but"),
}


@pytest.mark.parametrize("name", COMPONENTS)
def test_components_have_one_value_for_each_weight(name: str) -> None:
    build, match = COMPONENTS[name]
    with pytest.raises(ValueError, match=f"Mixture: found .*{match}"):
        build().log_prob(0.0)


def test_a_quantile_is_of_one_probability() -> None:
    with pytest.raises(ValueError, match=r"Gamma.quantile: found probabilities of shape \(2,\)"):
        xj.Gamma(1.0, 1.0).quantile(jnp.asarray([0.1, 0.2]))


MISUSES = {
    "Density": (lambda: xj.Density(print, {"rate": 1.0}), TypeError, r"Density: found {'rate': 1.0} as the function"),
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
    "no interval": (lambda: xj.Truncated(xj.Normal, 2.0, 1.0), ValueError, "Truncated: found low = 2.0 and high = 1.0"),
    "several logits": (
        lambda: xj.Categorical(jnp.zeros((2, 3))).log_prob(0),
        ValueError,
        r"Categorical.log_prob: found logits of shape \(2, 3\), .*; for several use jax.vmap",
    ),
    "no scale": (
        lambda: xj.Normal(0.0, -1.0).sample(jax.random.key(0)),
        ValueError,
        "Normal.sample: found scale = -1.0 in p, a Normal, but a finite number > 0",
    ),
    "a seed": (lambda: xj.Gamma(2.0, 1.0).sample(0), TypeError, "Gamma.sample: found key=0, but a random key"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_calls_with_arguments_of_another_kind(name: str) -> None:
    call, error, match = MISUSES[name]
    with pytest.raises(error, match=match):
        call()


SEVERAL = {
    "MultivariateNormal": (xj.MultivariateNormal([0.0, 0.0], [[2.0, 0.5], [0.5, 1.0]]), [[1.0, 2.0], [3.0, -1.0]]),
    "MultivariateStudentT": (xj.MultivariateStudentT(3.0, [0.0, 0.0], [[2.0, 0.5], [0.5, 1.0]]), [[1.0, 2.0]] * 2),
    "Wishart": (xj.Wishart(3.0, [[2.0, 0.5], [0.5, 1.0]]), [[[1.0, 0.0], [0.0, 1.0]]] * 2),
    "Categorical": (xj.Categorical([0.0, 1.0, 2.0]), [0, 1, 2]),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_points_are_not_taken_for_one(name):
    p, points = SEVERAL[name]
    with pytest.raises(ValueError, match=name + r": found a point of shape .*, but one .* needed; .* jax.vmap"):
        p.log_prob(jnp.array(points))
    assert jax.vmap(p.log_prob)(jnp.array(points)).shape == (len(points),)


def test_no_points():
    assert xj.Normal(0.0, 1.0).log_prob(jnp.zeros(0)).shape == xj.Gamma(2.0, 1.0).cdf(jnp.zeros(0)).shape == (0,)
