"""How a fit ended, in codes and in words."""

import enum


class Status(enum.IntEnum):
    """How a fit ended. Only CONVERGED is a success.

    FLAT is read off the matrix of second derivatives, which is formed up to 64 parameters; past that it is looked for
    by products with it.
    """

    CONVERGED = 0
    MAX_STEPS = 1
    STALLED = 2
    DIVERGED = 3
    BAD_START = 4
    BAD_DATA = 5
    BOUNDARY = 6
    UNBOUNDED = 7
    FLAT = 8
    SADDLE = 9


ADVICE = {
    Status.CONVERGED: "converged",
    Status.MAX_STEPS: "the steps ran out before the gap was closed; raise max_steps, or leave optimizer=None",
    Status.STALLED: (
        "no step lowers the objective any more, yet the gap is above the tolerance; the likelihood may have a kink or "
        "a spike: start elsewhere, hold a parameter with fixed=, or use float64"
    ),
    Status.DIVERGED: (
        "the parameters or the objective left the finite numbers; lower the learning rate, or leave optimizer=None"
    ),
    Status.BAD_START: (
        "the objective or its derivatives are not finite at the start; the data may be constant, too few, or outside "
        "the support, or the starting values at its edge"
    ),
    Status.BAD_DATA: "the data hold a NaN, a value outside the support of the model, or weights that are no weights",
    Status.BOUNDARY: (
        "the parameters ran to the edge of their support, where no minimum lies inside; a simpler model may fit as well"
    ),
    Status.UNBOUNDED: (
        "no finite value is best: the fit improves however far a parameter goes (classes that are separated, a scale "
        "that collapses on one point, a family that becomes another in the limit); use the family of the limit, hold "
        "a parameter with fixed=, or gather more data"
    ),
    Status.FLAT: (
        "the data do not determine these parameters, of which only a combination matters, or none; hold or drop one of "
        "them"
    ),
    Status.SADDLE: "the gradient vanished at a saddle or a maximum, which is no minimum; start elsewhere",
}
