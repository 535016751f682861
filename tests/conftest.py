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
