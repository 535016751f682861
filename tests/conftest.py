"""Laws that hold in every test: no silent promotion of ranks or types, no key used twice, no warning."""

import functools
import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


def in_one_block(test: Callable[..., None], /, **arguments: Any) -> None:
    """Calls a test where all its frames find room.

    At a call that passes the end of its memory for frames Python maps 16 kB more, and unmaps them at the return: while
    JAX traces thousands of times a second, a twenty-fifth of all time. The frame of this function wants 160 kB and is
    given 256, of which the rest is for the calls inside.
    """
    __tracebackhide__ = True
    test(**arguments)


in_one_block.__code__ = in_one_block.__code__.replace(co_stacksize=20_000)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    pyfuncitem.obj = functools.partial(in_one_block, pyfuncitem.obj)


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
