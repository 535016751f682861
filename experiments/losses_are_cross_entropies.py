"""The losses that people minimise are cross-entropies: the same coefficients on real data, whoever minimises them.

The claim. A loss of a response and its prediction is, up to a constant and a factor, −log q(y | x) of some model q, so
that its minimiser is the fit of that model: squared error of a normal distribution, logistic loss of a Bernoulli, the
pinball loss of an asymmetric Laplace, deviances of their families; a ridge is a normal prior.

Run it from anywhere: `python experiments/losses_are_cross_entropies.py`. Each loss is minimised as people do it, by
scikit-learn, statsmodels, numpy or optax, and its model fitted. It prints a table, draws
`losses_are_cross_entropies.png` beside this file, and exits with 1 if any number lies outside its stated range.
"""

import pathlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import jax
from losses import of_categories, of_counts, of_numbers
from losses.comparison import Comparison
from mle_is_kl.checks import GAP, Check, table

PARTS = (of_numbers, of_categories, of_counts)
PICTURE = pathlib.Path(__file__).with_suffix(".png")


def checks(found: list) -> list[Check]:
    gap = max(each.gap for each in found if isinstance(each, Comparison))
    return [
        Check("the largest gap of these fits, in nats", gap, 0, GAP, "what a fit promises by default"),
        *(each.check() for each in found),
    ]


def main() -> int:
    jax.config.update("jax_enable_x64", True)
    # the data are small, so that compiling takes longer than running
    jax.config.update("jax_disable_most_optimizations", True)
    began = time.perf_counter()
    print("Measuring takes about a minute.\n", flush=True)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda part: part.measure(), PARTS))
    failures = 0
    for part, found in zip(PARTS, results, strict=True):
        each = checks(found)
        failures += sum(not check.holds for check in each)
        print(f"\n{part.__doc__.splitlines()[0]} The largest relative differences:\n{table(each, 104)}")
    draw([each for found in results for each in found if isinstance(each, Comparison)])
    verdict = "The claim holds" if failures == 0 else f"The claim does not hold: {failures} checks fail"
    print(f"\n{verdict}. Drawn in {PICTURE.name}; {time.perf_counter() - began:.0f} s.")
    return min(failures, 1)


def draw(comparisons: list[Comparison]) -> None:
    from losses import figure  # the only part that needs matplotlib

    figure.draw(PICTURE, comparisons)


if __name__ == "__main__":
    sys.exit(main())
