"""`python -m validation [SUBJECT ...]`: the tables of all subjects, or of some."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from validation import SUBJECTS, report, subject


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, maybe write the page; 1 if a value differs and nobody knows why."""
    parser = argparse.ArgumentParser(prog="python -m validation", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"among {', '.join(SUBJECTS)}; all")
    parser.add_argument(
        "--shots", type=int, help="samples for each sampled value; else what each subject has"
    )
    parser.add_argument("--write", action="store_true", help="write the page of the documentation as well")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.subjects if name not in SUBJECTS]
    if unknown:
        parser.error(f"{unknown[0]} is no subject; allowed: {', '.join(SUBJECTS)}")
    if options.shots is not None and options.shots < 2:
        parser.error(f"--shots is {options.shots}; allowed: 2 or more")
    if options.write and (options.subjects or options.shots):
        parser.error("--write is for the whole table, with the shots that each subject has")
    console = Console()
    measured = {}
    for name in options.subjects or SUBJECTS:
        began = time.perf_counter()
        module = subject(name)
        measured[name] = module.rows(options.shots or module.SHOTS)
        report.show(name, measured[name], console)
        console.print(f"{time.perf_counter() - began:.1f} s\n")
    rows = [row for found in measured.values() for row in found]
    console.print(f"{sum(row.agrees for row in rows)} of {len(rows)} values agree")
    if options.write:
        report.PAGE.write_text(report.page(measured), "utf-8")
        console.print(f"wrote {report.PAGE}")
    return 0 if all(row.is_explained for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
