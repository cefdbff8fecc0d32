"""Golden files: `check(name, found)` compares with `tests/golden/NAME` and never overwrites it.

On a difference the text found is written to `NAME.new` beside the old file, for a person to look at and to
rename.
"""

from __future__ import annotations

from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def check(name: str, found: str) -> None:
    """Fail unless the golden file `name` holds exactly `found`."""
    golden = GOLDEN / name
    new = golden.with_name(f"{name}.new")
    if golden.exists() and golden.read_text() == found:
        new.unlink(missing_ok=True)
        return
    new.write_text(found)
    state = "differs from" if golden.exists() else "has no"
    raise AssertionError(
        f"this run {state} golden {name}: compare {new.name} beside it and rename it if it is right"
    )
