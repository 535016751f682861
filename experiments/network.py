"""Training a network is minimising a cross-entropy: after each update the usual loop and the library agree to rounding.

The claim. The softmax loss of a network is H(p̃, q) of the model q(y | x) = Categorical(logits = network(x)), so that
`xj.estimators.train` of that model makes the updates of the loop that everyone writes; what the model adds is a unit,
bits per label, in which its loss is compared with a code that sees no image, and a calibrated temperature, which is one
more fit by cross-entropy. No minimum is claimed where none was certified.

Run it from anywhere: `python experiments/network.py`. It prints a table, draws `network.png` beside this file, and
exits with 1 if any number lies outside its stated range.
"""

import pathlib
import sys
import time

import jax
from mle_is_kl.checks import table
from network_training import calibration, certified, held_out, resumed, same_steps, trainings

PARTS = (same_steps, resumed, held_out, calibration, certified)
PICTURE = pathlib.Path(__file__).with_suffix(".png")


def main() -> int:
    jax.config.update("jax_enable_x64", True)
    # the network is small, so that compiling takes longer than running
    jax.config.update("jax_disable_most_optimizations", True)
    began = time.perf_counter()
    print("Training takes about half a minute.\n", flush=True)
    run = trainings.run()
    results = [part.measure(run) for part in PARTS]
    failures = 0
    for part, found in zip(PARTS, results, strict=True):
        checks = part.checks(found)
        failures += sum(not check.holds for check in checks)
        print(f"\n{part.__doc__.splitlines()[0]}\n{table(checks, 92)}\n\n{indented(part.words(found))}")
    draw(dict(zip(PARTS, results, strict=True)))
    verdict = "The claim holds" if failures == 0 else f"The claim does not hold: {failures} checks fail"
    print(f"\n{verdict}. Drawn in {PICTURE.name}; {time.perf_counter() - began:.0f} s.")
    return min(failures, 1)


def indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def draw(results: dict) -> None:
    from network_training import figure  # the only part that needs matplotlib

    figure.draw(PICTURE, results[held_out], results[calibration])


if __name__ == "__main__":
    sys.exit(main())
