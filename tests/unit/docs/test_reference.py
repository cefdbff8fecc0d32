"""The reference pages written by hand name what the code has, and nothing else."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import msgspec
import pytest

import cnpu
import qnos
from qnos import fields
from qnos.conformance import RULES, title
from qnpu.registry import shipped
from qruntime.trace import Record
from tests.unit.docs.pages import ROOT, blocks

PACKAGES = ("netqasm_isa", "qruntime", "qworld", "qdriver", "qnpu", "cnpu", "qnos", "apps")


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def table_rows(text: str) -> Iterator[list[str]]:
    """The cells of every row of every table, headings left out."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for i, row in enumerate(rows):
        heading = i + 1 < len(rows) and set(rows[i + 1]) <= set("| -")
        if not heading and not set(row) <= set("| -"):
            yield [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


# --- the SDK --------------------------------------------------------------------------------------------

# Public because the parts of the SDK need them of each other; a program does not.
FOR_THE_BUILDER = {
    "Node": {"builder", "program"},
    "Qubit": {"of_pair", "lose", "regain"},
    "Socket": set(),
    "EprSocket": set(),
    "KeepInfo": set(),
    "EprMeasureResult": set(),
    "Future": {"builder", "load", "check_writable", "keep"},
    "Array": {"builder", "serial", "is_open", "is_live"},
    "Submitted": {"compiled", "heard", "result", "root", "waiting", "settle", "fail"},
}


def documented_sdk() -> dict[str, dict[str, str]]:
    """Class -> name -> parameters, or "" for a property, as the page says."""
    found: dict[str, dict[str, str]] = {}
    for section in re.split(r"^## ", text_of("docs/reference/sdk.md"), flags=re.M)[1:]:
        heading = re.match(r"`(\w+)`\n", section)
        if heading is None:
            continue
        names: dict[str, str] = {}
        for item in re.findall(r"^- (.*?)(?=^- |^## |\n\n|\Z)", section, re.M | re.S):
            for code in re.findall(r"`([^`]+)`", _before_description(item)):
                call = re.fullmatch(r"(\w+)(\(.*\))?", code, re.S)
                assert call is not None, f"{heading[1]}: {code!r} is no name or call"
                names[call[1]] = " ".join((call[2] or "").split())
        found[heading[1]] = names
    return found


def _before_description(item: str) -> str:
    """The codes that an item names: those before its text, and those that begin a sentence of their own."""
    named = re.findall(r"(?:^|(?<=\. )|(?<=, )|(?<=called ))`[^`]+`(?=[:,])", item)
    return " ".join(named)


def signature(function: Any) -> str:
    """The parameters of a method without annotations and self."""
    found = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in found.parameters.items()
        if name != "self"
    ]
    return str(found.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def public_names(cls: type) -> dict[str, str]:
    """Name -> parameters, or "" for a property or attribute."""
    names: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if not name.startswith("_"):
                names[name] = signature(value) if inspect.isfunction(value) else ""
    return names


@pytest.mark.parametrize("name", FOR_THE_BUILDER)
def test_sdk_page_has_the_names_and_parameters_of_the_code(name: str) -> None:
    documented = documented_sdk()[name]
    actual = {
        method: parameters
        for method, parameters in public_names(getattr(cnpu, name)).items()
        if method not in FOR_THE_BUILDER[name]
    }
    assert documented == actual


# --- the trace ------------------------------------------------------------------------------------------

_PREFIXES = re.compile(
    r"(PROGRAM|SUBROUTINE|RESULT|CLAS|PROCMGR|SCHEDULER|PROCESSOR|QDEVICE|EGPD?|LINK|BREAKPOINT)_[A-Z_]+"
)
_NO_EVENTS = {"PROGRAM_TASKS", "SUBROUTINE_INSTRUCTIONS", "LINK_QUEUE"}  # limits


def documented_events() -> list[tuple[str, str, str]]:
    """(unit, event, data) of every row of the page."""
    return [
        (row[0], row[1].strip("`"), row[2])
        for row in table_rows(text_of("docs/reference/trace.md"))
        if len(row) == 4 and row[1].startswith("`")
    ]


def events_in_code() -> set[str]:
    found = set()
    for package in ("cnpu", "qnpu", "qworld"):
        for file in (ROOT / package).glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                value = node.value if isinstance(node, ast.Constant) else None
                if isinstance(value, str) and _PREFIXES.fullmatch(value):
                    found.add(value)
    return found - _NO_EVENTS


def records_of(app: str, network: str, seed: int) -> list[Record]:
    """The records of one shot."""
    file = BytesIO()
    qnos.run(app, network, shots=1, seed=seed, trace=file)
    lines = [msgspec.json.decode(line) for line in file.getvalue().splitlines()]
    return [msgspec.convert(line, Record) for line in lines if isinstance(line, list)]


def test_trace_page_has_the_events_of_the_code() -> None:
    assert {event for _, event, _ in documented_events()} == events_in_code()


@pytest.mark.parametrize(
    ("app", "network"), [("teleport", "two_generic"), ("chsh", "two_generic_werner"), ("rsp", "two_generic")]
)
def test_records_have_the_units_and_data_of_the_trace_page(app: str, network: str) -> None:
    allowed: dict[tuple[str, str], set[int]] = {}
    for unit, event, data in documented_events():
        allowed.setdefault((unit, event), set()).add(len(data.split(", ")) if data else 0)
    for record in records_of(app, network, seed=1):
        unit = "link:PEER" if record.unit.startswith("link:") else record.unit
        assert len(record.data) in allowed[unit, record.event], record


# --- architecture ---------------------------------------------------------------------------------------


def test_the_life_of_a_shot_is_that_of_the_trace() -> None:
    section = text_of("ARCHITECTURE.md").partition("## The life of")[2].partition("\n## ")[0]
    told = [(int(row[0]), row[1], row[2], row[3]) for row in table_rows(section)]
    happened = {
        (record.t_ns, record.node, record.unit, record.event)
        for record in records_of("teleport", "two_generic", seed=7)
    }
    assert len(told) > 20
    assert [row for row in told if row not in happened] == []
    assert told == sorted(told, key=lambda row: row[0])


def test_packages_import_what_the_architecture_allows() -> None:
    section = text_of("ARCHITECTURE.md").partition("## Packages")[2].partition("\n## ")[0]
    allowed = {row[0]: {name for name in row[2].split(", ") if name} for row in table_rows(section)}
    assert tuple(allowed) == PACKAGES
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for module in _imported(file.read_text("utf-8")):
                top = module.partition(".")[0]
                if top in PACKAGES and top != package:
                    assert top in allowed[package], f"{file.relative_to(ROOT)} imports {module}"


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_places_to_change_exist() -> None:
    section = text_of("ARCHITECTURE.md").partition("## Where to change what")[2]
    files = re.findall(r"`(\w+/\w+\.py)`", section)
    assert len(files) > 10
    assert [file for file in files if not (ROOT / file).is_file()] == []


# --- results --------------------------------------------------------------------------------------------


def test_results_page_has_the_fields_of_the_json() -> None:
    result = qnos.run("teleport", "perfect", shots=2)
    section = text_of("docs/reference/results.md").partition("## Metrics")[0]
    documented = [name for row in table_rows(section) for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(documented) == sorted(result.to_json_dict())


def test_metrics_of_the_json_are_as_the_results_page_says() -> None:
    metric = qnos.run("teleport", "perfect", shots=2).to_json_dict()["metrics"]["fidelity"]
    (row,) = (row for row in table_rows(text_of("docs/reference/results.md")) if row[0] == "`metrics`")
    assert set(re.findall(r"`(\w+)`", row[1])) == set(metric)


def test_python_page_has_the_arguments_of_run() -> None:
    section = text_of("docs/how-to/python.md")
    documented = [name for row in table_rows(section) for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(documented) == sorted(inspect.signature(qnos.run).parameters)


# --- schedulers -----------------------------------------------------------------------------------------


def test_schedulers_page_has_every_shipped_policy_with_its_options() -> None:
    rows = list(table_rows(text_of("docs/reference/schedulers.md")))
    options = {row[0].strip("`"): row[3] for row in rows if len(row) == 4}
    promises = {row[0].strip("`") for row in rows if len(row) == 3}
    assert options.keys() == promises == shipped().keys()
    for name, policy in shipped().items():
        named = ", ".join(f"`{row.name}` ({row.default})" for row in fields.rows(policy.schema))
        assert options[name] == named
        assert "Promises: " in str(inspect.getdoc(policy)), f"{name} does not say what it promises"
        assert "the network process first" in str(inspect.getdoc(policy))


# --- device plug-ins ------------------------------------------------------------------------------------


def test_plugin_page_has_every_rule_of_the_kit() -> None:
    rows = table_rows(text_of("docs/how-to/device-plugin.md"))
    told = {row[0].strip("`"): row[1] for row in rows if len(row) == 2 and row[0].strip("`") in RULES}
    assert told == {rule: title(rule) for rule in RULES}


def test_plugin_page_shows_the_example_package() -> None:
    shown = {block.title: block.text for block in blocks(ROOT / "docs/how-to/device-plugin.md")}
    assert shown["neutral_atoms.py"] == text_of("examples/neutral_atoms/neutral_atoms.py")
    installed = text_of("examples/neutral_atoms/network.yaml")
    assert shown["network.yaml"].replace('"neutral_atoms:Hardware"', "neutral_atoms") in installed
