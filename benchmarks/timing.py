"""How the benchmarks measure: the best of several runs, results waited for."""

import time
from collections.abc import Callable
from typing import Any

import jax


def seconds(call: Callable[[], Any], repeats: int = 10) -> float:
    """The shortest time of a call, after one that compiles and warms up."""
    (shortest,) = alternating(call, repeats=repeats)
    return shortest


def alternating(*calls: Callable[[], Any], repeats: int = 10) -> list[float]:
    """The shortest time of each call, in turns: a machine whose speed moves is as fast for one as for another."""
    times = []
    for call in calls:
        jax.block_until_ready(call())
    for _ in range(repeats):
        for call in calls:
            begin = time.perf_counter()
            jax.block_until_ready(call())
            times.append(time.perf_counter() - begin)
    return [min(times[k :: len(calls)]) for k in range(len(calls))]


def first_seconds(call: Callable[[], Any]) -> float:
    """The time of the very first call: trace, compile and run."""
    begin = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - begin
