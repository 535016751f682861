"""Pages that are written from the code say what the code says."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_table_of_families_is_up_to_date() -> None:
    page = runpy.run_path(str(DOCS / "families.py"))["page"]()
    assert (DOCS / "families.md").read_text() == page, "run: python docs/families.py"
