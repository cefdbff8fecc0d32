"""The table, on a terminal and as a page of the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import cleandoc
from pathlib import Path

from rich.console import Console
from rich.table import Table

from validation import SUBJECTS, subject
from validation.row import Row

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "validation.md"
COLUMNS = ("what", "published", "ours", "difference", "verdict")

_INTRO = """\
<!-- Made by `python -m validation --write`; edits here are lost. -->

# Validation

Published results, and what qnos gives for them. `make validate` makes these tables, in about five minutes;
a part of them, with fewer shots or all at once:

<!-- not run: it takes minutes -->
```console
$ python -m validation delivery --shots 3000
```

A value is called *derived* if the source has a model or an algorithm and the value was computed from it.
Sampled values have their standard error and agree within three of them. In {sampled} such comparisons, with
everything right, one or more would differ by more with a probability of {chance:.0%}. Seeds are fixed, and a
value that differs stays in its table, with the reason where it is known. Exact values have the largest
difference and what is allowed. The exit status is 1 if a value differs and nobody knows why.

A subject is a module in `validation/`, named in `SUBJECTS`, with the text below as its docstring and a
function `rows`; its quick form is a test. `python -m validation --write` measures everything and writes
this page.
"""


def show(name: str, rows: Sequence[Row], console: Console) -> None:
    """Print one subject."""
    table = Table(title=SUBJECTS[name], title_justify="left")
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row.cells, style=None if row.agrees else "red")
    console.print(table)


def page(measured: Mapping[str, Sequence[Row]]) -> str:
    """The page with the rows of every subject."""
    sampled = sum(row.error is not None for rows in measured.values() for row in rows)
    parts = [_INTRO.format(sampled=sampled, chance=1 - (1 - 0.0027) ** sampled)]
    for name, rows in measured.items():
        table = "\n".join(map(line, [COLUMNS, ("---",) * len(COLUMNS), *(row.cells for row in rows)]))
        parts.append(f"## {SUBJECTS[name]}\n\n`{name}`. {about(name)}\n\n{table}\n")
    return "\n".join(parts)


def line(cells: Sequence[str]) -> str:
    """A line of a table of the page."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def about(name: str) -> str:
    """What a subject says of itself."""
    return cleandoc(subject(name).__doc__ or "")
