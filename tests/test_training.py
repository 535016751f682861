"""Minibatch training: the usual loop step by step, states that go on bit for bit, and what it does not claim."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import xentjax as xj
from xentjax.estimators import train

RNG = np.random.default_rng(0)
N, SIZE = 90, 16
X, LABELS = RNG.normal(size=(N, 4)), RNG.integers(0, 3, N)
ADAM = optax.adam(optax.cosine_decay_schedule(0.02, 60))
KEY = jax.random.key(3)


def layers(params, x):
    hidden = jnp.tanh(params["in"] @ x + params["shift"])
    return params["out"] @ hidden


# 2 free logits of 3 classes, as a fit holds the last at 0
PARAMS = {
    "in": jnp.asarray(RNG.normal(size=(5, 4))),
    "out": jnp.asarray(RNG.normal(size=(2, 5))),
    "shift": jnp.zeros(5),
}
MODEL = xj.Regression(xj.Categorical(jnp.zeros(3)), logits=xj.Network(PARAMS, layers))


def states(model, num_steps, every=20, **more):
    return list(train(model, (X, LABELS), ADAM, KEY, batch_size=SIZE, num_steps=num_steps, every=every, **more))


def by_hand(num_steps):
    """The loop of a tutorial: softmax loss of logits, gradient, update."""

    def loss(params, x, labels):
        logits = jnp.pad(jax.vmap(lambda x: layers(params, x))(x), ((0, 0), (0, 1)))
        return optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    @jax.jit
    def update(params, state, chosen):
        gradient = jax.grad(loss)(params, jnp.asarray(X)[chosen], jnp.asarray(LABELS)[chosen])
        with jax.numpy_dtype_promotion("standard"):  # a schedule counts in 32 bits
            updates, state = ADAM.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    params, state = PARAMS, ADAM.init(PARAMS)
    per_pass = N // SIZE
    for step in range(num_steps):
        order = jax.random.permutation(jax.random.fold_in(KEY, step // per_pass), N)
        place = step % per_pass
        params, state = update(params, state, order[place * SIZE : (place + 1) * SIZE])
    return params


def test_training_is_the_loop_that_people_write():
    found = states(MODEL, 60)[-1].model.predictors["logits"].params
    for name, expected in by_hand(60).items():
        # sums in another order, over sixty updates
        np.testing.assert_allclose(found[name], expected, rtol=1e-9, atol=1e-11)


def test_a_training_that_goes_on_is_the_one_that_was_not_interrupted():
    whole, half = states(MODEL, 60)[-1], states(MODEL, 40)[-1]
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(half)]  # what is saved
    restored = jax.tree.unflatten(jax.tree.structure(half), leaves)
    went_on = states(restored, 60)[-1]
    for a, b in zip(jax.tree.leaves(whole.model), jax.tree.leaves(went_on.model), strict=True):
        assert np.array_equal(a, b)


def test_held_out_data_are_reported_and_no_minimum_is_claimed():
    first, *_, last = states(MODEL, 60, held_out=(X[:30], LABELS[:30]))
    assert last.cross_entropy < first.cross_entropy
    logits = jax.vmap(last.model.at)(jnp.asarray(X[:30])).logits
    expected = optax.losses.softmax_cross_entropy_with_integer_labels(logits, LABELS[:30]).mean()
    # rounding
    np.testing.assert_allclose(last.held_out, expected, rtol=1e-12)
    assert "whether it is a minimum was not looked at" in repr(last)
    assert [int(s.step) for s in states(MODEL, 50)] == [20, 40, 50]


def test_parameters_can_be_held():
    held = states(MODEL, 20, fixed=["logits.in"])[-1].model.predictors["logits"].params
    assert np.array_equal(held["in"], PARAMS["in"])
    assert not np.array_equal(held["out"], PARAMS["out"])


def test_a_class_starts_from_the_data():
    (state,) = train(xj.Normal, X[:, 0], optax.sgd(0.1), KEY, batch_size=30, num_steps=5)
    assert np.isfinite(state.cross_entropy)


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"batch_size": 100}, ValueError, "found batch_size=100 for 90 observations"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"num_steps": 2.5}, ValueError, "num_steps"),
        ({"fixed": ["nothing"]}, ValueError, "nothing"),
    ],
)
def test_messages(more, error, message):
    given = {"batch_size": SIZE, "num_steps": 10} | more
    with pytest.raises(error, match=message):
        list(train(MODEL, (X, LABELS), ADAM, KEY, **given))


def test_a_training_that_leaves_the_numbers_says_so():
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        list(train(xj.Normal(0.0, 1.0), X[:, 0], optax.sgd(1e300), KEY, batch_size=SIZE, num_steps=40, every=10))


def test_what_a_fit_refuses_training_refuses():
    with pytest.raises(ValueError, match=r"train: found data\[0\] = -1.0"):
        train(xj.Exponential, np.array([-1.0, 2.0, 3.0]), ADAM, KEY, batch_size=2, num_steps=5)
    with pytest.raises(FloatingPointError, match="parameters after them that are no numbers"):
        list(train(xj.Normal(0.0, 1.0), X[:, 0], optax.sgd(np.inf), KEY, batch_size=SIZE, num_steps=1))
    (state,) = states(MODEL, 20)
    with pytest.raises(ValueError, match="for a training that goes on"):
        states(state, 40, fixed=["logits.in"])


def test_a_network_gives_as_many_numbers_as_there_are_free_logits() -> None:
    every = xj.Regression(xj.Categorical(jnp.zeros(4)), logits=xj.Network(PARAMS, layers))
    with pytest.raises(ValueError, match=r"of logits .* shape \(2,\), but \(3,\) is needed: .* the last is 0"):
        xj.fit_mle(every, (X, LABELS))
