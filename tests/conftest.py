"""Laws that hold in every test: no silent promotion of ranks or types, no key used twice, no warning."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

# Compiling is most of what these tests take, so they compile plainly, in a third of the time; where rounding is what is
# tested, as users do (`tables.OPTIMISED`). `XLA_FLAGS= make test` runs all of them as users compile.
PLAINLY = [
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_parallel_codegen_split_count=1",  # the parts share work, and the tests fill all cores
    # passes over loops, a third of what compiling a fit takes, from which loops that end so soon gain nothing; and one
    # that makes two kernels of a long sum
    "--xla_disable_hlo_passes=while-loop-invariant-code-motion,simplify-while-loops,while-loop-trip-count-annotator,"
    "tree_reduction_rewriter",
]
if jax.__version_info__ < (0, 11):
    PLAINLY.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(PLAINLY))
# the processes fill the cores: threads of their own would wait for one another in turns
os.environ.setdefault("NPROC", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_debug_key_reuse", True)
# frames of JAX's own in a traceback hide the line at fault
jax.config.update("jax_traceback_filtering", "remove_frames")


# programs are kept, by the million objects: the collector would visit them again and again
gc.set_threshold(100_000, 20, 20)


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    """Both precisions; float32 data in a float64 session must stay float32 throughout."""
    return request.param


@pytest.fixture(autouse=True, scope="module")
def no_key_twice(request: pytest.FixtureRequest) -> Iterator[None]:
    """Looks for keys used twice in files that make keys, as their text tells: it takes a fourteenth of all time."""
    with jax.debug_key_reuse("random.key" in request.path.read_text()):
        yield


@pytest.fixture(autouse=True, scope="module")
def programs() -> Iterator[None]:
    """Lets go of compiled programs between files: each is mapped into memory, and Linux allows 65530 maps a process."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 58_000:  # the largest file adds 6,000
        jax.clear_caches()
