"""Every subject of `make validate` in its quick form, and the table it comes in."""

from __future__ import annotations

import math
import re
from io import StringIO

import pytest
from rich.console import Console

from qnos.statistics import Tally
from validation import SUBJECTS, report, subject
from validation.__main__ import main
from validation.row import Row, sampled


@pytest.mark.parametrize("name", SUBJECTS)
def test_quick_form_agrees_and_its_rows_are_those_of_the_page(name: str) -> None:
    """N is the subject's QUICK, seeds are those of the table, 3 sigma for each row."""
    module = subject(name)
    assert module.QUICK <= module.SHOTS
    rows = module.rows(module.QUICK)
    assert [row.cells for row in rows if not row.is_explained] == []
    page = report.PAGE.read_text("utf-8")
    section = page.partition(f"\n## {SUBJECTS[name]}\n")[2].partition("\n## ")[0]
    assert report.about(name) in section, "run python -m validation --write"
    shown = [line for line in section.splitlines() if line.startswith("| ")][2:]
    for line, row in zip(shown, rows, strict=True):
        assert line.startswith(report.line(row.cells[:2])), "run python -m validation --write"


def test_page_has_the_subjects_in_their_order() -> None:
    titles = re.findall(r"^## (.*)$", report.PAGE.read_text("utf-8"), re.M)
    assert titles == list(SUBJECTS.values())


def exact(ours: float | tuple[float, ...], tolerance: float = 0.0, reason: str = "") -> Row:
    published = (1.0, 2.0) if isinstance(ours, tuple) else 1.0
    return Row(what="a|b", published=published, ours=ours, tolerance=tolerance, reason=reason)


def mean_of(*values: float) -> Row:
    tally = Tally()
    for value in values:
        tally.add(value)
    return sampled("mean", 0.5, tally.metric())


@pytest.mark.parametrize(
    ("row", "agrees", "difference"),
    [
        (exact(1.0), True, "0"),
        (exact(1.5), False, "0.5"),
        (exact(1.5, 0.5), True, "0.5, allowed 0.5"),
        (exact((1.25, 1.5), 0.25), False, "-0.5, allowed 0.25"),
        (exact(math.nan, 9.0), False, "nan, allowed 9"),
        (exact((1.0, math.nan), 9.0), False, "nan, allowed 9"),
        (mean_of(0.0, 1.0, 1.0, 0.0), True, "+0.0 sigma"),
        (mean_of(0.8, 0.8, 0.9, 0.9), False, "+12.1 sigma"),
        (mean_of(0.5, 0.5), True, "+0.0 sigma"),
        (mean_of(0.4, 0.4), False, "-inf sigma"),
        (mean_of(), False, "+nan sigma"),
    ],
)
def test_row_agrees_within_its_tolerance(row: Row, agrees: bool, difference: str) -> None:
    assert (row.agrees, row.cells[3]) == (agrees, difference)
    assert row.cells[4] == ("agrees" if agrees else "differs: unexplained")


def test_known_reason_explains_a_row_that_differs_and_stays_in_the_table() -> None:
    row = exact(1.5, reason="the paper rounds")
    assert (row.agrees, row.is_explained) == (False, True)
    assert "| a\\|b | 1 | 1.5 | 0.5 | differs: the paper rounds |" in report.page({"packets": [row]})


def test_status_tells_whether_a_value_differs_without_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["packets"]) == 0
    monkeypatch.setattr("validation.packets.rows", lambda shots: [exact(float(shots))])
    assert main(["packets"]) == 0
    assert main(["packets", "--shots", "2"]) == 1
    assert "0 of 1 values agree" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["weather"], "weather is no subject; allowed: preparation, delegation, forms"),
        (["--shots", "1"], "--shots is 1; allowed: 2 or more"),
        (["packets", "--write"], "--write is for the whole table"),
    ],
)
def test_wrong_arguments_are_told(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_table_shows_every_row() -> None:
    console = Console(file=StringIO(), width=200)
    report.show("packets", [exact(1.0), mean_of(0.4, 0.4)], console)
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "Packet generation attempts" in text and "0.40000 ± 0.00000" in text
