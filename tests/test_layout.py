"""The architecture, read from the source: which module may import which, and what is public."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import xentjax as xj

PACKAGE = Path(xj.__file__).parent
MODULES = {
    ".".join(("xentjax", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# Imports point to lower levels; within a level they are free, as long as they make no circle.
LEVELS = [
    {
        "_nodes",
        "_select",
        "_numerics",
        "_gamma",
        "_bessel",
        "_zeta",
        "_tails",
        "_tilted",
        "_softmax",
        "_divergence_terms",
        "records",
        "supports",
        "parameters",
        "statistics",
        "cumulants",
    },
    {"sources", "information", "divergences", "powers", "generators", "joint"},
    {"families"},
    {"models"},
    {
        "certificates",
        "statuses",
        "implicit",
        "diagnosis",
        "minimization",
        "multistart",
        "objectives",
        "component_derivatives",
        "predictor_derivatives",
        "results",
        "admission",
        "refusals",
        "estimation",
    },
    {"inference", "estimators"},
    {"plots"},
]
# Methods of a fit lead to what is made of fits. They import it when called, so that nothing goes in circles at import.
WHEN_CALLED = {"xentjax.results": "xentjax.inference"}
# optax is the solver's business; the door of the fits names its type
USES_OPTAX = {"xentjax.minimization", "xentjax.estimation", "xentjax.estimators.minibatches"}
# an extra, imported when called
USES_MATPLOTLIB = "xentjax.plots"


def level(module: str) -> int:
    room = module.removeprefix("xentjax").strip(".").split(".")[0]
    return next((i for i, rooms in enumerate(LEVELS) if room in rooms), len(LEVELS))


def imports(module: str) -> Iterator[tuple[str, list[str]]]:
    """(module, names) of every import, those inside functions included."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names = [alias.name for alias in node.names]
            # `from xentjax import _nodes` imports a module
            for name in names if f"{node.module}.{names[0]}" in MODULES else [""]:
                yield f"{node.module}.{name}".strip("."), names


def imported_modules(module: str) -> set[str]:
    later = WHEN_CALLED.get(module, "no module")
    return {name for name, _ in imports(module) if name in MODULES and not name.startswith(later)}


def test_every_module_has_a_level() -> None:
    rooms = {name.split(".")[1] for name in MODULES if "." in name}
    assert rooms == set().union(*LEVELS)


@pytest.mark.parametrize("module", [name for name in MODULES if name != "xentjax"])
def test_nothing_imports_upward(module: str) -> None:
    upward = [name for name in imported_modules(module) if level(name) > level(module)]
    assert upward == []


def test_no_import_goes_in_circles() -> None:
    # a package's own `__init__` stands for its parts
    graph = {name: imported_modules(name) - {name} for name in MODULES}
    done: set[str] = set()
    while ready := {name for name, needed in graph.items() if name not in done and needed <= done}:
        done |= ready
    assert set(MODULES) - done == set()


@pytest.mark.parametrize("module", MODULES)
def test_what_is_imported(module: str) -> None:
    found = list(imports(module))
    assert not [name for name, names in found if "*" in names]
    # what is private to a module is used in no other
    assert not [
        name for module, names in found for name in names if name[0] == "_" and f"xentjax.{name}" not in MODULES
    ]
    outside = {name.split(".")[0] for name, _ in found if not name.startswith("xentjax")}
    assert "optax" not in outside or module in USES_OPTAX
    assert "matplotlib" not in outside or module.startswith(USES_MATPLOTLIB)
    assert outside <= {"jax", "numpy", "optax", "matplotlib"} | set(sys.stdlib_module_names)


def test_importing_starts_no_backend_and_changes_no_setting() -> None:
    script = """
import jax
from jax._src import xla_bridge
before = dict(jax.config.values)
import xentjax
assert dict(jax.config.values) == before, "settings of jax were changed"
assert not xla_bridge.backends_are_initialized(), "a backend was started"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def public() -> list[tuple[str, Any]]:
    return [(name, getattr(xj, name)) for name in xj.__all__]


def test_public_names_are_sorted_and_complete() -> None:
    assert xj.__all__ == sorted(xj.__all__)
    defined = {name for name, value in vars(xj).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert defined == set(xj.__all__)


@pytest.mark.parametrize(("name", "value"), public())
def test_public_names_are_documented(name: str, value: Any) -> None:
    own = inspect.getdoc(value)
    assert own, name
    # what a dataclass without docstring shows is one line, its signature
    assert len(own.splitlines()) > 1 or not own.startswith(f"{name}("), name
    if inspect.isfunction(value):
        assert len(inspect.signature(value).parameters) <= 1 or "Args:" in own or len(own.splitlines()) < 6, name


def test_public_methods_are_documented() -> None:
    methods = {
        f"{name}.{attribute}": inspect.getdoc(getattr(value, attribute))
        for name, value in public()
        if inspect.isclass(value)
        for attribute, member in vars(value).items()
        if inspect.isfunction(member) and not attribute.startswith("_")
    }
    assert [method for method, documentation in methods.items() if not documentation] == []
