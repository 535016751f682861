"""Tables of text and of HTML, from columns."""

import html
from collections.abc import Mapping, Sequence

Columns = Mapping[str, Sequence[str]]


def text_table(columns: Columns) -> list[str]:
    """Lines with a heading, the first column to the left and the others to the right.

    >>> print(*text_table({"": ["rate", "scale"], "estimate": ["0.5", "12"]}), sep="\\n")
           estimate
    rate        0.5
    scale        12
    """
    widths = [max(map(len, [name, *cells])) for name, cells in columns.items()]
    rows = [tuple(columns), *zip(*columns.values(), strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines


def html_table(columns: Columns, heading: str, notes: Sequence[str]) -> str:
    """A table with a caption above and notes below."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    rows = [
        "<tr>" + "".join(f'<td style="text-align:right">{html.escape(cell)}</td>' for cell in row) + "</tr>"
        for row in zip(*columns.values(), strict=True)
    ]
    below = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    caption = f"<caption>{html.escape(heading)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{below}"
