"""Writes `families.md`: the table of families, read from the code. Run it as `python docs/families.py`."""

import inspect
import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

import xentjax as xj
from xentjax import families
from xentjax.cumulants import exponential, log_gamma_of_difference, log_gamma_of_sum, power
from xentjax.parameters import named_leaves
from xentjax.statistics import indicators

PAGE = Path(__file__).with_name("families.md")
# those whose structure comes from an instance
EXAMPLES = {
    "Binomial": xj.Binomial(5, 0.5),
    "BetaBinomial": xj.BetaBinomial(5, 1.0, 1.0),
    "Categorical": xj.Categorical([0.0, 0.0]),
    "Dirichlet": xj.Dirichlet([1.0, 1.0]),
    "Independent": xj.Independent(xj.Normal(jnp.zeros(2), jnp.ones(2))),
    "Multinomial": xj.Multinomial(5, [0.5, 0.5]),
    "MultivariateNormal": xj.MultivariateNormal(jnp.zeros(2), jnp.eye(2)),
    "MultivariateStudentT": xj.MultivariateStudentT(4.0, jnp.zeros(2), jnp.eye(2)),
    "VonMisesFisher": xj.VonMisesFisher([1.0, 0.0]),
    "Wishart": xj.Wishart(4.0, jnp.eye(2)),
}
WITH_PARAMETERS = {
    exponential: "exp(t x)",
    indicators: "indicators of the categories",
    log_gamma_of_difference: "log Γ(s − x)",
    log_gamma_of_sum: "log Γ(x + r)",
    power: "x^k",
}
HEAD = """# Families

Written by `docs/families.py` from the code. A family whose density depends on a point through *statistics* has a closed
cross-entropy from every distribution that knows their expectations, and a fit of it reads the data once. The others
are averaged over points. "Entropy" says whether it has a closed form, "divergence" whether the Kullback-Leibler
divergence between two members has one that does not cancel; `quadrature` and `monte_carlo` serve where there is none.
The letters k, r, s and t in statistics stand for numbers made of parameters. What depends on a structure is that of an
example: `Categorical` of two categories, `Independent` of normal distributions.

| family | log-density | each point is | statistics | entropy | divergence |
|---|---|---|---|---|---|
"""


def example(name: str) -> Any:
    return EXAMPLES[name] if name in EXAMPLES else getattr(xj, name)()


def density(family: type) -> str:
    """The formula in the docstring, from `log q(x) =` to the end of its sentence."""
    text = " ".join(inspect.getdoc(family).split("Args:")[0].split())
    found = re.search(r"(?:log q|log p|q|p)\(x\) (?:=|∝) .*?(?=(?:, for |\. [A-Za-z]|\.$|: [a-z]|; [a-z]))", text)
    return (found.group(0) if found else text.split(". ")[0]).replace("|", "\\|")


def knows_entropy(p: Any) -> bool:
    try:
        jax.eval_shape(xj.entropy, p)
    except TypeError:
        return False
    return True


def row(name: str) -> str:
    family, p = getattr(xj, name), example(name)
    fields = ", ".join(dict.fromkeys(leaf.name.split(".")[0] for leaf in named_leaves(p) if leaf.is_parameter))
    statistics = ", ".join(dict.fromkeys(WITH_PARAMETERS.get(s.kind, repr(s)) for s in p.statistics)) or "—"
    columns = [
        f"**{name}**({fields})",
        density(family),
        p.support.name,
        statistics.replace("|", "\\|"),
        "yes" if knows_entropy(p) else "—",
        "yes" if hasattr(p, "kl_to") else "—",
    ]
    return "| " + " | ".join(columns) + " |\n"


def page() -> str:
    return HEAD + "".join(row(name) for name in sorted(families.__all__) if name != "Family")


if __name__ == "__main__":
    PAGE.write_text(page())
