"""Reference pages made from what the code checks: the schemas of settings and the instruction table.

`python -m qnos.schema_docs` writes ``configuration.md``, ``workloads.md`` and ``instructions.md`` into
docs/reference; with ``--check`` it writes nothing and exits with 1 if a page on disk differs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from cnpu.launch import CnpuSettings
from netqasm_isa import FLAVOURS, INSTRUCTIONS
from qdriver import registry
from qnos import fields
from qnos.config import PRESETS, ChannelConfig, Latency, NetworkFile, NodeFile, OsFile, Testing
from qnos.demands import Demand, DemandsFile
from qnos.documents import Document
from qnos.schedule import BinFile, ScheduleFile
from qnos.schedule_file import SHIPPED as SCHEDULES
from qnos.schedule_file import shipped_schedules
from qnos.sets import SHIPPED, SetFile, load_set, shipped_sets
from qnos.workload import Arrival, Entry, WorkloadFile
from qnpu.settings import QnpuSettings
from qworld.links import KINDS

GENERATED = "<!-- Made by `python -m qnos.schema_docs` from the schemas in the code; edits here are lost. -->"


def pages() -> dict[str, str]:
    """File name -> content of every page."""
    return {
        "configuration.md": configuration(),
        "workloads.md": workloads(),
        "instructions.md": instructions(),
    }


def configuration() -> str:
    """Everything a network file may say."""
    parts = [
        GENERATED,
        "# Network files\n\nA network is a YAML file. Times are simulated nanoseconds. Unknown fields, "
        "duplicate keys and values out of range are errors that name file, line and field. A device or link "
        "names its `kind`, or a `set`: one of the [parameter sets](#parameter-sets), or the path of a file, "
        "relative to the network file. What stands beside the set holds in place of its values.",
        _section("The file", NetworkFile),
        _section("`nodes[]`", NodeFile),
    ]
    for kind in registry.names():
        parts.append(_section(f"`nodes[].device` of kind `{kind}`", registry.hardware(kind).schema))
    parts.append(
        "## `links[]`\n\n`nodes` names the two ends, `kind` the model; the rest depends on the kind."
    )
    parts.extend(_section(f"`links[]` of kind `{kind}`", schema) for kind, schema in KINDS.items())
    parts.append(_section("`os`", OsFile))
    parts.append(_presets())
    parts.append(_section("`os.cnpu`", CnpuSettings))
    parts.append(_section("`os.qnpu`", QnpuSettings))
    parts.append(_section("`os.latency`", Latency))
    parts.append(_section("`channels[]`", ChannelConfig))
    parts.append(_section("`testing`", Testing))
    parts.append(_section("`schedule`", ScheduleFile))
    parts.append(_section("`schedule.bins[]`", BinFile))
    parts.append(_schedules())
    parts.append(_section("Demands", DemandsFile))
    parts.append(_section("`demands[]`", Demand))
    parts.append(_section("Parameter sets", SetFile))
    parts.append(_sets())
    return "\n\n".join(parts) + "\n"


def workloads() -> str:
    """Everything a workload file may say."""
    parts = [
        GENERATED,
        "# Workload files\n\nA workload is a YAML or JSON file that says which applications "
        "[run at once](../how-to/several-apps.md), how many of each, and when. Times are simulated "
        "nanoseconds. Unknown fields and values out of range are errors that name file, line and field.",
        _section("The file", WorkloadFile),
        # from Python it may be more than what a file can name
        _section("`apps[]`", Entry).replace("| `app` | anything |", "| `app` | text |"),
        _section("`apps[].arrival`", Arrival)
        + "\n\nOne of `times_ns`, `every_ns` and `rate_per_s` at most; without any an instance starts at "
        "`start_ns`. `instances` goes with the last two, `start_ns` with all but the first.",
    ]
    return "\n\n".join(parts) + "\n"


def instructions() -> str:
    """Every NetQASM instruction."""
    heading = ("instruction", "opcode", "operands", "flavours", "effect", "example")
    rows = [
        (
            f"`{row.mnemonic}`",
            str(row.opcode),
            ", ".join(row.names),
            "all" if row.flavours == FLAVOURS else ", ".join(row.flavours),
            row.effect,
            f"`{row.example}`",
        )
        for row in INSTRUCTIONS
    ]
    intro = (
        "# Instructions\n\nA command is seven bytes: the opcode, the operands, zero padding. Angles are "
        "n*pi/2^d. An operation on a qubit names the register that holds its virtual id."
    )
    return "\n\n".join([GENERATED, intro, _table(heading, rows)]) + "\n"


def _section(title: str, schema: type[Any]) -> str:
    doc = " ".join((schema.__doc__ or "").split())
    rows = [(f"`{row.name}`", row.allowed, row.default, row.description) for row in fields.rows(schema)]
    return f"## {title}\n\n{doc}\n\n{_table(('field', 'allowed', 'default', 'meaning'), rows)}"


def _presets() -> str:
    flat = {name: _flat(msgspec.to_builtins(preset)) for name, preset in PRESETS.items()}
    keys = [key for key in next(iter(flat.values())) if key != "preset"]
    rows = [(f"`{key}`", *(fields.in_words(values[key]) for values in flat.values())) for key in keys]
    return "## Presets of `os`\n\n" + _table(("value", *(f"`{name}`" for name in flat)), rows)


def _sets() -> str:
    rows = [
        (f"`{name}`", family, f"`{found.kind}`", found.about)
        for family in SHIPPED
        for name in shipped_sets(family)
        for found in [load_set(name, family)]
    ]
    intro = "These travel with qnos; `qnos sets NAME` shows the values of one and where they come from."
    return f"{intro}\n\n{_table(('set', 'of a', 'kind', 'about'), rows)}"


def _schedules() -> str:
    rows = []
    for name in shipped_schedules():
        said = Document.read(files(SCHEDULES).joinpath(f"{name}.yaml").read_text("utf-8"), name).data
        rows.append((f"`{name}`", said["about"]))
    intro = "These schedules travel with qnos, for networks that have such nodes."
    return f"{intro}\n\n{_table(('schedule', 'about'), rows)}"


def _flat(data: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{before}{key}."))
        else:
            flat[before + key] = value
    return flat


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check them; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m qnos.schema_docs", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=Path("docs/reference"))
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page differs")
    options = parser.parse_args(arguments)
    stale = 0
    for name, text in pages().items():
        page = options.directory / name
        if page.is_file() and page.read_text("utf-8") == text:
            continue
        if options.check:
            print(f"{page} differs from the code; run python -m qnos.schema_docs", file=sys.stderr)
            stale = 1
            continue
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, "utf-8")
        print(f"wrote {page}")
    return stale


if __name__ == "__main__":
    sys.exit(main())
