"""Models from elsewhere: other libraries' distributions and networks, plain functions, plain dataclasses."""

import dataclasses

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import xentjax as xj

RNG = np.random.default_rng(20250301)
POSITIVE_DATA = RNG.gamma(3.0, 2.0, 200)
FEATURES = RNG.normal(size=(200, 3))
RESPONSE = FEATURES @ [1.0, -2.0, 0.5] + 0.3 + 0.5 * RNG.normal(size=200)
LABELS = (RNG.random(200) < 1 / (1 + np.exp(-FEATURES @ [1.0, -1.0, 0.5]))).astype(float)

# two fits closed to 1e-12 nats agree in their parameters to about its square root, after the last Newton step to its
# 1.5th power: what is left is the rounding of sums over 200 points, times the conditioning
SAME = {"rtol": 1e-10, "atol": 1e-12}

# distrax's import loads a library that looks up a name which JAX has deprecated
distrax_import = pytest.mark.filterwarnings("ignore:jax.core.pytype_aval_mappings:DeprecationWarning")


def assert_same_fit(fit, native, names):
    """The parameters, standard errors and cross-entropy of a `Built` fit against those of a native family."""
    assert fit.converged
    errors, native_errors = fit.standard_errors().params, native.standard_errors()
    for name, own in names.items():
        np.testing.assert_allclose(fit.model.params[name], getattr(native.model, own), **SAME)
        # the curvature carries the differences of the parameters about a hundredfold
        np.testing.assert_allclose(errors[name], getattr(native_errors, own), rtol=1e-8)
    np.testing.assert_allclose(fit.cross_entropy, native.cross_entropy, **SAME)


def two_positive(build):
    return xj.Built({"a": 1.0, "b": 1.0}, build, {"a": xj.positive, "b": xj.positive})


@pytest.fixture(scope="module")
def gamma_fit():
    return xj.fit_mle(xj.Gamma, POSITIVE_DATA)


def test_numpyro_gamma_is_the_native_gamma(gamma_fit):
    dist = pytest.importorskip("numpyro.distributions")
    fit = xj.fit_mle(two_positive(lambda p: dist.Gamma(p["a"], p["b"])), POSITIVE_DATA)
    assert_same_fit(fit, gamma_fit, {"a": "concentration", "b": "rate"})


@distrax_import
def test_distrax_gamma_is_the_native_gamma(gamma_fit):
    distrax = pytest.importorskip("distrax")
    fit = xj.fit_mle(two_positive(lambda p: distrax.Gamma(p["a"], p["b"])), POSITIVE_DATA)
    assert_same_fit(fit, gamma_fit, {"a": "concentration", "b": "rate"})


def located(build):
    return xj.Built({"loc": 1.0, "scale": 1.0}, build, {"scale": xj.positive})


def test_numpyro_normal_takes_a_projection():
    dist = pytest.importorskip("numpyro.distributions")
    points = jax.jit(lambda p: xj.quadrature(p, 300))(xj.Gamma(3.0, 0.5))
    fit = xj.fit_kl(located(lambda p: dist.Normal(p["loc"], p["scale"])), points).check()
    # the mean and the deviation of the truth, to the accuracy of 300 points of the double-exponential rule
    np.testing.assert_allclose(fit.model.params["loc"], 6.0, rtol=1e-10)
    np.testing.assert_allclose(fit.model.params["scale"], 12**0.5, rtol=1e-10)


def numpyro(name, support, supports, **start):
    """A distribution of numpyro by the names of its parameters there, with values to start from."""

    def build(params):
        return getattr(pytest.importorskip("numpyro.distributions"), name)(**params)

    return xj.Built(start, build, supports, support)


def distrax_normal(params):
    return pytest.importorskip("distrax").Normal(**params)


NORMAL = numpyro("Normal", xj.real, {"scale": xj.positive}, loc=1.0, scale=3.0)
GAMMA = numpyro(
    "Gamma", xj.positive, dict.fromkeys(("concentration", "rate"), xj.positive), concentration=2.0, rate=1.0
)
WEIBULL = numpyro(
    "Weibull", xj.positive, dict.fromkeys(("concentration", "scale"), xj.positive), concentration=2.0, scale=8.0
)
POISSON = numpyro("Poisson", xj.count, {"rate": xj.positive}, rate=1.0)
DISTRAX = xj.Built({"loc": 5.0, "scale": 3.0}, distrax_normal, {"scale": xj.positive}, xj.real)

X, Z = POSITIVE_DATA[:40], FEATURES[:40, :1]
LOW, HIGH = np.where(X < 4, -np.inf, X), np.maximum(X, 4.0)
WITH_ZEROS = np.r_[np.zeros(10), np.floor(X / 3)]


def regression(of):
    return xj.fit_mle(xj.Regression(of, loc=xj.Linear(), scale=xj.Linear()), (Z, X))


def mixture(of):
    return xj.fit_mle(xj.Mixture([0.5, 0.5], (of, xj.Poisson(5.0))), WITH_ZEROS)


def accelerated(of):
    model = xj.Regression(xj.Censored(of, ("exact", "right")), scale=xj.Linear())
    return xj.fit_mle(model, (Z, xj.right_censored(X, X < 8)))


def tobit(of):
    return xj.fit_mle(xj.Censored(of, ("exact", "left")), (LOW, HIGH))


def truncated(of):
    return xj.fit_mle(xj.Truncated(of, 0.0), X)


def inflated(of):
    return xj.fit_mle(xj.ZeroInflated(of), WITH_ZEROS)


def hurdle_model(of):
    return xj.fit_mle(xj.Hurdle(of), WITH_ZEROS)


def mapped(of):
    model = xj.Transformed(xj.Scaled(xj.Shifted(of), 0.5), xj.Exp())
    return xj.fit_mle(model, np.exp(0.5 * (X + 5.0)), fixed={"scale": 0.5})


# a distribution from elsewhere, the library's own, and the fit of a combination of either
COMBINED = [
    (NORMAL, xj.Normal, regression),
    (POISSON, xj.Poisson(1.0), mixture),
    (WEIBULL, xj.Weibull, accelerated),
    (DISTRAX, xj.Normal, tobit),
    (NORMAL, xj.Normal, truncated),
    (POISSON, xj.Poisson, inflated),
    (POISSON, xj.Poisson, hurdle_model),
    (GAMMA, xj.Gamma, mapped),
]


@distrax_import
@pytest.mark.parametrize(("elsewhere", "own", "fitted"), COMBINED, ids=[row[-1].__name__ for row in COMBINED])
def test_combinations_of_distributions_from_elsewhere(elsewhere, own, fitted):
    found, expected = fitted(elsewhere).check(), fitted(own).check()
    for one, other in zip(jax.tree.leaves(found.model), jax.tree.leaves(expected.model), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.cross_entropy, expected.cross_entropy, **SAME)


def test_independent_counts_from_elsewhere():
    columns = np.c_[WITH_ZEROS, WITH_ZEROS[::-1] + 1]
    start = xj.Built({"rate": np.ones(2)}, POISSON.build, POISSON.supports, xj.count)
    fit = xj.fit_mle(xj.Independent(start), columns).check()
    np.testing.assert_allclose(fit.model.component.params["rate"], columns.mean(0), **SAME)


def test_values_beyond_a_support_are_not_seen():
    # numpyro's formulas are NaN there
    log_prob = jax.jit(lambda x: GAMMA.log_prob(x))
    assert log_prob(-1.0) == -np.inf
    assert np.isnan(log_prob(np.nan))
    assert jax.jit(WEIBULL.log_survival)(-1.0) == 0.0


ANGLE = numpyro("VonMises", xj.real, {"concentration": xj.positive}, loc=0.0, concentration=1.0)
NOWHERE = xj.Built(POISSON.params, POISSON.build, POISSON.supports)


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (xj.Censored(ANGLE), r"Built: found a VonMises, which has no distribution function, but .* log_cdf or cdf"),
        (xj.Truncated(NOWHERE, 0.0), r"Built: found no support .*; give it: .* support=xentjax.positive"),
        (xj.ZeroInflated(NOWHERE), r"ZeroInflated: found a model that does not say .*; .* support=xentjax.count"),
    ],
    ids=["distribution function", "support", "support of counts"],
)
def test_what_a_combination_lacks_is_said(model, match):
    data = (LOW, HIGH) if isinstance(model, xj.Censored) else WITH_ZEROS
    with pytest.raises(TypeError, match=match):
        xj.fit_mle(model, data)


def test_derivatives_where_a_distribution_function_is_0_in_floats():
    dist = pytest.importorskip("numpyro.distributions")
    gumbel = xj.Built({"loc": 0.0, "scale": 1.0}, lambda p: dist.Gumbel(p["loc"], p["scale"]), {"scale": xj.positive})
    data = xj.Empirical(xj.right_censored(np.array([-8.0, 1.0, 2.0]), np.array([1.0, 1.0, 0.0])))

    @jax.jit
    def slope(of):
        return jax.grad(lambda m: xj.cross_entropy(data, m))(xj.Censored(of, ("exact", "right"))).of

    # exp(8) magnifies the roundings
    np.testing.assert_allclose(jax.tree.leaves(slope(gumbel)), jax.tree.leaves(slope(xj.Gumbel(0.0, 1.0))), rtol=1e-12)


def test_labels_of_a_built_model_with_a_support_stay_whole_numbers():
    dist = pytest.importorskip("numpyro.distributions")
    model = xj.Built(jnp.zeros(2), lambda p: dist.Categorical(logits=jnp.append(p, 0.0)), support=xj.count)
    labels = np.array([0, 1, 2, 2, 1, 2])
    own = xj.fit_mle(xj.Categorical(jnp.zeros(3)), labels)
    np.testing.assert_allclose(xj.fit_mle(model, labels).check().cross_entropy, own.cross_entropy, rtol=1e-12)


def test_derivatives_that_jax_lacks_are_said():
    # that of gammainc in its first argument has no derivative of its own
    with pytest.raises(TypeError, match=r"fit_mle: found that JAX cannot .* Censored .*igamma.*, but two derivatives"):
        xj.fit_mle(xj.Censored(GAMMA, ("exact", "left")), (LOW, HIGH))


@dataclasses.dataclass
class NoisyLine:
    """y = mean(x) + noise, around any function of x: what `build` returns."""

    mean: object
    scale: jax.Array

    def log_prob(self, point):
        x, y = point
        return xj.Normal(self.mean(x)[0], self.scale).log_prob(y)


def least_squares():
    """Coefficients, intercept and root mean squared residual, in closed form."""
    design = np.c_[FEATURES, np.ones(200)]
    solution = np.linalg.lstsq(design, RESPONSE, rcond=None)[0]
    return solution[:3], solution[3], np.sqrt(np.mean((RESPONSE - design @ solution) ** 2))


def test_flax_linen_layer_reaches_least_squares():
    nn = pytest.importorskip("flax.linen")
    network = nn.Dense(1, param_dtype=jnp.float64)
    start = {"network": network.init(jax.random.key(0), jnp.zeros(3)), "scale": 1.0}

    def build(params):
        return NoisyLine(lambda x: network.apply(params["network"], x), params["scale"])

    fit = xj.fit_mle(xj.Built(start, build, {"scale": xj.positive}), (FEATURES, RESPONSE)).check()
    slopes, intercept, noise = least_squares()
    layer = fit.model.params["network"]["params"]
    np.testing.assert_allclose(layer["kernel"][:, 0], slopes, **SAME)
    np.testing.assert_allclose(layer["bias"][0], intercept, **SAME)
    np.testing.assert_allclose(fit.model.params["scale"], noise, **SAME)


def test_flax_nnx_layer_reaches_least_squares():
    nnx = pytest.importorskip("flax.nnx")
    graph, state = nnx.split(nnx.Linear(3, 1, param_dtype=jnp.float64, rngs=nnx.Rngs(0)))

    def build(params):
        return NoisyLine(nnx.merge(graph, params["network"]), params["scale"])

    model = xj.Built({"network": state, "scale": 1.0}, build, {"scale": xj.positive})
    fit = xj.fit_mle(model, (FEATURES, RESPONSE)).check()
    slopes, intercept, noise = least_squares()
    layer = nnx.to_pure_dict(fit.model.params["network"])
    np.testing.assert_allclose(layer["kernel"][:, 0], slopes, **SAME)
    np.testing.assert_allclose(layer["bias"][0], intercept, **SAME)
    np.testing.assert_allclose(fit.model.params["scale"], noise, **SAME)


def test_flax_network_with_a_hidden_layer_reaches_nonlinear_least_squares():
    nn = pytest.importorskip("flax.linen")
    network = nn.Sequential([nn.Dense(2, param_dtype=jnp.float64), jnp.tanh, nn.Dense(1, param_dtype=jnp.float64)])
    teacher = network.init(jax.random.key(1), jnp.zeros(3))
    flat, unravel = jax.flatten_util.ravel_pytree(teacher)

    def predict(flat):
        first, second = (unravel(flat)["params"][name] for name in ("layers_0", "layers_2"))
        hidden = np.tanh(FEATURES @ np.asarray(first["kernel"]) + np.asarray(first["bias"]))
        return (hidden @ np.asarray(second["kernel"]))[:, 0] + np.asarray(second["bias"])

    def build(params):
        return NoisyLine(lambda x: network.apply(params, x), jnp.ones(()))

    # the start is the network that made the data, so that both algorithms find the minimum next to it
    response = predict(flat) + 0.01 * np.random.default_rng(1).normal(size=200)
    fit = xj.fit_mle(xj.Built(teacher, build), (FEATURES, response)).check()

    other = scipy.optimize.least_squares(lambda flat: predict(flat) - response, flat, xtol=1e-12, ftol=1e-14)
    expected = 0.5 * np.mean(other.fun**2) + 0.5 * np.log(2 * np.pi)
    # near the minimum the errors of the parameters, about 1e-6 for finite differences, enter squared
    np.testing.assert_allclose(fit.cross_entropy, expected, rtol=1e-10)


def newton_logistic():
    """Coefficients of a logistic regression and their standard errors, by iterated weighted least squares."""
    design, beta = np.c_[FEATURES, np.ones(200)], np.zeros(4)
    for _ in range(20):  # quadratic convergence from 0: ten are enough
        p = 1 / (1 + np.exp(-design @ beta))
        information = design.T @ (design * (p * (1 - p))[:, None])
        beta = beta + np.linalg.solve(information, design.T @ (LABELS - p))
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


def test_equinox_module_is_logistic_regression():
    eqx = pytest.importorskip("equinox")

    class Classifier(eqx.Module):
        layer: eqx.nn.Linear
        activation: object

        def log_prob(self, point):
            x, y = point
            return xj.Bernoulli(self.activation(self.layer(x))).log_prob(y)

    module = Classifier(eqx.nn.Linear(3, "scalar", key=jax.random.key(2)), jax.nn.sigmoid)
    arrays, rest = eqx.partition(module, eqx.is_array)
    fit = xj.fit_mle(xj.Built(arrays, lambda arrays: eqx.combine(arrays, rest)), (FEATURES, LABELS)).check()
    beta, errors = newton_logistic()
    layer, found_errors = fit.model.params.layer, fit.standard_errors().params.layer
    np.testing.assert_allclose([*layer.weight[0], layer.bias[0]], beta, **SAME)
    # as in assert_same_fit
    np.testing.assert_allclose([*found_errors.weight[0], found_errors.bias[0]], errors, rtol=1e-8)


def hurdle(params, x):
    """Exactly 0 with the probability `share`, which may be at most a half; otherwise normal."""
    off = xj.Normal(params["loc"], params["scale"]).log_prob(x) + jnp.log1p(-params["share"])
    return jnp.where(x == 0, jnp.log(params["share"]), off)


HURDLE = xj.Density(
    {"loc": 0.0, "scale": 2.0, "share": 0.25}, hurdle, {"scale": xj.positive, "share": xj.interval(0.0, 0.5)}
)


def test_density_keeps_named_parameters_inside_their_supports():
    free, constrain = xj.unconstrain(HURDLE)
    assert free.keys() == {"loc", "scale", "share"}
    # far out on the real line it is still inside, and the middle is in the middle
    ends = [constrain({**free, "share": jnp.asarray(u)}).params["share"] for u in (-30.0, 0.0, 30.0)]
    assert 0 < ends[0] < 1e-12
    assert ends[1] == 0.25
    assert 0.5 - 1e-12 < ends[2] < 0.5


def test_density_with_an_interval_reaches_the_closed_form():
    rest = np.random.default_rng(2).normal(3.0, 2.0, size=140)
    fit = xj.fit_mle(HURDLE, np.r_[np.zeros(60), rest]).check()
    expected = {"loc": rest.mean(), "scale": rest.std(), "share": 0.3}
    assert fit.model.params.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(fit.model.params[name], value, **SAME)


def test_density_refuses_what_is_no_support():
    with pytest.raises(TypeError, match=r"supports: found 'positive', but a support is needed; write"):
        xj.Density({"scale": 1.0}, hurdle, {"scale": "positive"})
    with pytest.raises(ValueError, match=r"interval: found low = 2.0, high = 1.0, but finite numbers low < high"):
        xj.interval(2.0, 1.0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Pareto:
    """A user's own dataclass, registered with JAX and not with xentjax: known scale, a tail index."""

    index: jax.Array = xj.positive(1.0)  # noqa: RUF009 - a field
    scale: float = dataclasses.field(default=1.0, metadata={"static": True})

    def log_prob(self, x):
        return jnp.log(self.index) + self.index * jnp.log(self.scale) - (self.index + 1) * jnp.log(x)


def test_plain_registered_dataclass_reaches_the_closed_form():
    x = 1.0 + np.random.default_rng(3).exponential(size=200)
    fit = xj.fit_mle(Pareto(0.1), x).check()
    closed = 1 / np.mean(np.log(x))
    np.testing.assert_allclose(fit.model.index, closed, **SAME)
    # the information of one observation is 1 / index²; as in assert_same_fit
    np.testing.assert_allclose(fit.standard_errors().index, closed / np.sqrt(200), rtol=1e-8)
    # the support is what keeps a large step from a negative index
    assert xj.unconstrain(Pareto(0.1))[0] == {"index": pytest.approx(np.log(0.1))}
