"""Maximum likelihood is KL minimisation: measured on real data and on known truths, and drawn.

The claim. For data with the empirical distribution p̃,

    argmax Σ log q_θ(xᵢ)  =  argmin H(p̃, q_θ)  =  argmin KL(p̃‖q_θ),

because −(1/n) Σ log q_θ(xᵢ) is the cross-entropy H(p̃, q_θ), and H(p̃, q_θ) = H(p̃) + KL(p̃‖q_θ), where H(p̃) does not
depend on θ. As data accumulate, the same estimate goes to the KL projection of the truth onto the model.

Run it from anywhere: `python experiments/mle_is_kl_minimisation.py`. It prints a table, draws
`mle_is_kl_minimisation.png` beside this file, and exits with 1 if any number lies outside its stated range.
"""

import pathlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import jax
from mle_is_kl import code_lengths, known_truth, same_parameters, two_directions, usual_losses
from mle_is_kl.checks import table

PARTS = (same_parameters, usual_losses, code_lengths, known_truth, two_directions)
PICTURE = pathlib.Path(__file__).with_suffix(".png")


def main() -> int:
    jax.config.update("jax_enable_x64", True)
    # the data are small, so that compiling takes longer than running
    jax.config.update("jax_disable_most_optimizations", True)
    began = time.perf_counter()
    print("Measuring takes about a minute.\n", flush=True)
    print(f"  {'claim':<82}{'measured':>10}  {'must lie in':<22}{'':<7}because")
    # most of the time is compilation, which runs beside other threads
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda part: part.measure(), PARTS))
    failures = 0
    for part, result in zip(PARTS, results, strict=True):
        checks = part.checks(result)
        failures += sum(not check.holds for check in checks)
        print(f"\n{part.__doc__.splitlines()[0]}\n{table(checks)}")
    draw(results)
    verdict = "The claim holds" if failures == 0 else f"The claim does not hold: {failures} checks fail"
    print(f"\n{verdict}. Drawn in {PICTURE.name}; {time.perf_counter() - began:.0f} s.")
    return min(failures, 1)


def draw(results: list) -> None:
    from mle_is_kl import figure  # the only part that needs matplotlib

    figure.draw(PICTURE, *results)


if __name__ == "__main__":
    sys.exit(main())
