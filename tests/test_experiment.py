"""The experiment's checks can fail: each part, given a wrong number, is caught. The whole is run by `make demo`."""

import dataclasses
import pathlib
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import xentjax as xj

EXPERIMENTS = pathlib.Path(__file__).parent.parent / "experiments"
sys.path.insert(0, str(EXPERIMENTS))

import mle_is_kl_minimisation as experiment  # noqa: E402
from mle_is_kl import code_lengths, datasets, known_truth, same_parameters, two_directions, usual_losses  # noqa: E402
from mle_is_kl.checks import GAP, Check, certified_gap, distance, distance_allowed  # noqa: E402
from network_training import calibration, certified, resumed, same_steps, trainings  # noqa: E402


def all_hold(checks: list[Check]) -> bool:
    return all(check.holds for check in checks)


@pytest.mark.parametrize("measured", [0.0, 0.3, 1.0])
def test_a_check_holds_within_its_range(measured: float) -> None:
    assert Check("", measured, 0.0, 1.0, "").holds


@pytest.mark.parametrize("measured", [-0.1, 1.1, np.inf, np.nan])
def test_a_check_fails_outside_its_range(measured: float) -> None:
    assert not Check("", measured, 0.0, 1.0, "").holds


@pytest.mark.parametrize(("high", "code"), [(1.0, 0), (0.5, 1)])
def test_a_failed_check_is_the_exit_code(monkeypatch, capsys, high: float, code: int) -> None:
    part = SimpleNamespace(__doc__="A part.", measure=lambda: 0.75, checks=lambda x: [Check("so", x, 0.0, high, "why")])
    monkeypatch.setattr(experiment, "PARTS", (part,))
    monkeypatch.setattr(experiment, "draw", lambda results: None)
    monkeypatch.setattr(experiment.jax.config, "update", lambda name, value: None)  # the tests keep their own
    assert experiment.main() == code
    assert ("FAILS" in capsys.readouterr().out) == bool(code)


def test_the_data_are_those_described() -> None:
    words, counts = datasets.word_counts()
    assert [len(datasets.discoveries()), len(datasets.rivers()), len(datasets.waiting())] == [100, 141, 272]
    assert (words[0], len(words), counts.sum()) == ("the", 6118, 77754)
    assert (len(datasets.columns("iris")), len(datasets.columns("spector"))) == (150, 32)


def poisson_agreement(rate: float) -> same_parameters.Agreement:
    """As if a route had ended at this rate; the maximum is at the mean, 3.1, with a standard error of √0.031."""
    apart, ulps = distance(xj.Poisson(rate), xj.Poisson(3.1), xj.Poisson(0.031**0.5))
    return same_parameters.Agreement("", 100.0, (0.0, 0.0), {"a": apart}, {"a": ulps})


def test_other_parameters_are_caught() -> None:
    assert all_hold(same_parameters.checks([poisson_agreement(datasets.discoveries().mean())]))
    # 1e-12 of the rate is 2e-11 standard errors; gaps of 0 allow only rounding, 6e-13
    assert not all_hold(same_parameters.checks([poisson_agreement(3.1 * (1 + 1e-12))]))


def test_a_gap_above_its_promise_is_caught() -> None:
    found = dataclasses.replace(poisson_agreement(3.1), gaps=(0.0, 2 * GAP))
    assert not all_hold(same_parameters.checks([found]))


@pytest.mark.parametrize(("converged", "gap"), [(True, 1e-20), (False, np.inf)])
def test_a_small_gap_counts_only_with_convergence(converged: bool, gap: float) -> None:
    assert certified_gap(SimpleNamespace(gap=1e-20, converged=converged)) == gap


def test_the_distance_that_a_gap_allows() -> None:
    # Normal(m, 1): H rises by ½ d² at a distance d of the mean, whose standard error is 1 / √n; rounding is far below
    d, n = 1e-3, 100
    gap = xj.kl_divergence(xj.Normal(0.0, 1.0), xj.Normal(d, 1.0)).item()
    assert distance_allowed(n, gap) == pytest.approx(d * n**0.5, rel=1e-9)


def test_a_held_parameter_is_left_out_of_the_distance() -> None:
    apart, _ = distance(xj.Normal(2.0, 5.0), xj.Normal(1.0, 3.0), xj.Normal(0.5, 0.0))
    assert apart == 2.0


def code_lengths_with(split: code_lengths.Split, least_excess: float = 1e-13) -> code_lengths.CodeLengths:
    return code_lengths.CodeLengths([split], [], 0.0, least_excess)


@pytest.mark.parametrize("part", ["entropy", "kl", "cross_entropy", "minus_log_likelihood"])
def test_a_wrong_part_of_the_cross_entropy_is_caught(part: str) -> None:
    counts = np.bincount(datasets.discoveries().astype(int))
    split = code_lengths.split("Poisson", xj.Poisson(2.0), counts)
    assert all_hold(code_lengths.checks(code_lengths_with(split)))
    # 32 roundings of 2.4 nats are 2e-14
    wrong = dataclasses.replace(split, **{part: getattr(split, part) + 1e-13})
    assert not all_hold(code_lengths.checks(code_lengths_with(wrong)))


def test_a_code_below_the_entropy_is_caught() -> None:
    split = code_lengths.Split("", 1.0, 0.0, 1.0, 1.0)
    assert not all_hold(code_lengths.checks(code_lengths_with(split, least_excess=0.0)))


def test_the_other_codes_are_codes_and_never_the_own() -> None:
    p = np.array([0.5, 0.3, 0.2])
    others = code_lengths.other_codes(p, 50)
    # three terms near 1 round by an ulp or two
    np.testing.assert_allclose(others.sum(-1), 1.0, rtol=4e-16)
    assert (np.abs(others - p).max(-1) > 1e-9).all()


def test_the_weighted_chi_squares_by_simulation() -> None:
    eigenvalues, rng = np.array([0.6, 2.2]), np.random.default_rng(3)
    sample = np.sort(rng.standard_normal((known_truth.REPLICATES, 2)) ** 2 @ eigenvalues)
    assert known_truth.kolmogorov(sample, eigenvalues) < known_truth.CRITICAL
    assert known_truth.kolmogorov(sample, np.ones(2)) > known_truth.CRITICAL


def test_equal_weights_give_the_chi_square_of_two_degrees() -> None:
    x = np.array([0.1, 1.0, 8.0])
    # 200 equal terms are averaged: some roundings
    np.testing.assert_allclose(known_truth.distribution(np.ones(2), x), 1 - np.exp(-x / 2), rtol=1e-14)


def convergence(exponent: float, eigenvalues: np.ndarray) -> known_truth.Convergence:
    rng = np.random.default_rng(5)
    excess = np.sort(rng.standard_normal((known_truth.REPLICATES, 2)) ** 2 @ eigenvalues)
    errors = np.array(known_truth.SIZES) ** exponent
    return known_truth.Convergence("", xj.Gamma(), 0.0, 0, errors, eigenvalues, excess)


RIGHT, WRONG = convergence(-0.5, np.ones(2)), convergence(-0.5, np.array([0.6, 2.2]))


def test_the_rate_and_the_distribution_of_theory_pass() -> None:
    assert all_hold(known_truth.checks([RIGHT, WRONG]))


@pytest.mark.parametrize(
    "changes",
    [
        {"errors": np.array(known_truth.SIZES) ** -0.45},
        {"excess": 1.2 * RIGHT.excess},
        {"uncertified": 1},
        {"moment_error": 1e-9},
    ],
)
def test_another_rate_or_distribution_is_caught(changes: dict) -> None:
    assert not all_hold(known_truth.checks([dataclasses.replace(RIGHT, **changes), WRONG]))


def test_the_control_is_caught_when_it_does_not_reject() -> None:
    assert not all_hold(known_truth.checks([RIGHT, RIGHT]))


def test_an_error_is_measured_from_the_projection() -> None:
    models = xj.Gamma(np.array([2.2, 2.2]), np.array([3.3, 3.3]))
    # logarithms of 1.1 both
    assert known_truth.relative_error(models, xj.Gamma(2.0, 3.0)) == pytest.approx(np.log(1.1), rel=1e-14)


def test_exchanged_directions_are_caught() -> None:
    p = two_directions.truth()
    forward = xj.Normal(p.mean, p.variance**0.5)
    humps = [xj.Normal(-2.0, 1.0), xj.Normal(3.0, 0.7)]
    assert all_hold(two_directions.checks(two_directions.Projections(p, forward, humps, 0.0)))
    assert not all_hold(two_directions.checks(two_directions.Projections(p, humps[0], [forward, forward], 0.0)))


def test_other_coefficients_than_those_of_the_loss_are_caught() -> None:
    loss = usual_losses.squared_loss()
    assert all_hold(usual_losses.checks([loss]))
    assert not all_hold(usual_losses.checks([dataclasses.replace(loss, in_errors=1e-10)]))


def test_a_training_that_is_not_the_loop_or_goes_on_otherwise_is_caught() -> None:
    with jax.numpy_dtype_promotion("standard"):  # as loops of one's own are run: a schedule counts in 32 bits
        run = trainings.run(num_steps=6, every=3)
    assert all_hold(same_steps.checks(same_steps.measure(run)))
    assert all_hold(resumed.checks(resumed.measure(run)))
    late = dataclasses.replace(run, loss=[run.loss[0], *run.loss[:-1]])
    assert not all_hold(same_steps.checks(same_steps.measure(late)))
    in_another_order = dataclasses.replace(run, key=jax.random.key(3))
    assert not all_hold(resumed.checks(resumed.measure(in_another_order)))


@pytest.mark.parametrize(("right", "error"), [(80, 0.0), (60, 0.2)])
def test_the_calibration_error_by_hand(right: int, error: float) -> None:
    labels = np.repeat([0, 1], [right, 100 - right])
    found = calibration.reliability(np.tile([0.8, 0.2], (100, 1)), labels)
    # 0.8 has no finite binary expansion
    assert found.error == pytest.approx(error, abs=1e-14)
    # of 100 answers that are right with 0.8 the share varies by 0.04, beyond 3.3 of which it lies once in 1000
    assert found.chance == pytest.approx(3.3 * 0.04, abs=0.02)
    assert (found.error > found.chance) == bool(error)


@pytest.mark.parametrize("of_network", [False, True])
def test_a_network_that_says_converged_is_caught(of_network: bool) -> None:
    small, network = (SimpleNamespace(gap=0.0, converged=done) for done in (True, of_network))
    found = certified.Certified(SimpleNamespace(), 0, network, small, small)
    assert all_hold(certified.checks(found)) != of_network
