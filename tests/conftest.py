"""Laws that hold in every test: no silent promotion of ranks or types, no key used twice, no warning."""

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_debug_key_reuse", True)
# frames of JAX's own in a traceback hide the line at fault
jax.config.update("jax_traceback_filtering", "remove_frames")


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    """Both precisions; float32 data in a float64 session must stay float32 throughout."""
    return request.param


# Known defects, each still to be looked into and mended: of the library, or of the check. One that is mended must leave
# the list, or the test fails.
KNOWN = (
    "test_pairs.py::test_a_model_that_excludes_what_happens_is_infinitely_far[BetaBinomial(12.,2.,3.5)]",
    "test_pairs.py::test_a_model_that_excludes_what_happens_is_infinitely_far[GeneralizedExtremeValue(0.5,1.2,0.1)]",
    "test_pairs.py::test_a_model_that_excludes_what_happens_is_infinitely_far[GeneralizedPareto(1.2,0.3)]",
    "test_pairs.py::test_a_model_that_excludes_what_happens_is_infinitely_far[Uniform(0.3,2.)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-ContinuousBernoulli(0.3)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-ContinuousBernoulli(0.5001)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-ContinuousBernoulli(1.e-06)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-ConwayMaxwellPoisson(0.01,2.)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-ConwayMaxwellPoisson(3.,0.7)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-ConwayMaxwellPoisson(500.,20.)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-Gompertz(0.001,2.)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-Gompertz(1.,0.8)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-Gompertz(50.,0.02)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-LogarithmicSeries(0.6)]",
    "test_pairs.py::test_closed_cross_entropies_are_those_by_points[float64-NegativeBinomial(3.,0.5)]",
    "test_tails.py::test_distribution_functions_are_scipys[BetaBinomial(20.,1000000.,3000000.)]",
    "test_tails.py::test_quantiles_invert[StudentT(2.5,0.,0.1)]",
    "test_tails.py::test_quantiles_invert[StudentT(5.,0.5,1.2)]",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.split("/")[-1] in KNOWN:
            item.add_marker(pytest.mark.xfail(reason="a known defect", strict=True))
