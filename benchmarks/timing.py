"""How the benchmarks measure: the best of several runs, results waited for."""

import time
from collections.abc import Callable
from typing import Any

import jax


def seconds(call: Callable[[], Any], repeats: int = 10) -> float:
    """The shortest time of a call, after one that compiles and warms up."""
    jax.block_until_ready(call())
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - begin)
    return min(times)


def first_seconds(call: Callable[[], Any]) -> float:
    """The time of the very first call: trace, compile and run."""
    begin = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - begin
