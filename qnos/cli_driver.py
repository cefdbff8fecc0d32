"""``qnos driver``: hardware plug-ins: list, show, new, check."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from qdriver import registry
from qdriver.spec import DeviceSpec
from qnos import fields
from qnos.cli_options import values_of
from qnos.documents import Document
from qnos.kinds import described, device_schema
from qnos.present import console_for
from qnos.units import duration
from qnos.vetting import faults
from qruntime.errors import ConfigError

TEMPLATE = "qnos.templates.hardware"
PLACEHOLDER = "example_atoms"  # the name of the template's module, replaced throughout
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@click.group()
def driver() -> None:
    """Hardware plug-ins: what there is, what it can do, a new one, and whether one keeps the rules."""


@driver.command("list")
def list_() -> None:
    """List the kinds of hardware that a network file can name."""
    view = Table(box=None, header_style="bold")
    for heading in ("kind", "from", "what it is"):
        view.add_column(heading, overflow="fold")
    for kind in registry.names():
        try:
            about = (registry.hardware(kind).__doc__ or "").partition("\n")[0]
        except ConfigError as error:  # one that cannot be loaded hides no other
            about = str(error)
        view.add_row(escape(kind), escape(registry.where(kind)), escape(about))
    console_for(sys.stdout).print(view)


@driver.command()
@click.argument("kind")
@click.option("--set", "given", multiple=True, metavar="PARAMETER=VALUE", help="A parameter; repeat.")
def show(kind: str, given: tuple[str, ...]) -> None:
    """Show the parameters of KIND and the qubits and native gates that they make."""
    document = Document(values_of(given, "--set", "PARAMETER=VALUE"), kind)
    with _findable():
        schema = device_schema(document, (), kind)
        config = document.convert((), schema, document.data, described(kind, "device"))
        broken = faults(kind, config, {})
        if broken:
            raise ConfigError(f"{kind} breaks a rule: {'; '.join(broken)}")
        spec = registry.hardware(kind).spec(config, {})
    console = console_for(sys.stdout)
    parameters = Table(title="parameters", title_justify="left", box=None, header_style="bold")
    for heading in ("name", "value", "allowed", "what it is"):
        parameters.add_column(heading, overflow="fold")
    for row in fields.rows(schema):
        value = fields.in_words(getattr(config, row.name))
        parameters.add_row(*(escape(cell) for cell in (row.name, value, row.allowed, row.description)))
    console.print(parameters)
    console.print(f"\nflavour {spec.flavour}; {_sharing(spec)}", markup=False)
    console.print(_native_gates(spec))


@driver.command()
@click.argument("name")
@click.argument("directory", required=False, type=click.Path(file_okay=False, path_type=Path))
def new(name: str, directory: Path | None) -> None:
    """Write a working plug-in NAME, a package of its own with tests, into DIRECTORY (default: ./NAME)."""
    if not _NAME.fullmatch(name) or name in sys.stdlib_module_names or name in registry.names():
        taken = f"; taken are {', '.join(registry.names())} and Python's own modules"
        raise ConfigError(f"name is {name!r}; allowed: lower case letters, digits and _{taken}")
    place = directory or Path(name)
    if place.exists() and any(place.iterdir()):
        raise ConfigError(f"{place} exists and is not empty; nothing was written")
    place.mkdir(parents=True, exist_ok=True)
    for entry in sorted(files(TEMPLATE).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".txt"):
            text = entry.read_text("utf-8").replace(PLACEHOLDER, name)
            target = place / entry.name.removesuffix(".txt").replace(PLACEHOLDER, name)
            target.write_text(text, "utf-8")
            click.echo(f"wrote {target}")
    click.echo(f"Next: cd {place} && pip install -e . && qnos driver check {name}")


@driver.command()
@click.argument("kind")
@click.option("--set", "given", multiple=True, metavar="PARAMETER=VALUE", help="A parameter; repeat.")
@click.pass_context
def check(ctx: click.Context, kind: str, given: tuple[str, ...]) -> None:
    """Check that hardware KIND (a name or module:Class) keeps every rule the OS relies on.

    Status 1 if it breaks any.
    """
    from qnos import conformance

    document = Document(values_of(given, "--set", "PARAMETER=VALUE"), kind)
    with _findable():
        if document.data:  # a wrong parameter is nothing against the plug-in
            schema = device_schema(document, (), kind)
            document.convert((), schema, document.data, described(kind, "device"))
        verdicts = conformance.check(kind, document.data)
    view = Table(box=None, header_style="bold")
    for heading in ("rule", "verdict", "what it demands, and what was found"):
        view.add_column(heading, overflow="fold")
    for verdict in verdicts:
        word = {"": "holds", None: "not tried"}.get(verdict.broken, "BROKEN")
        found = verdict.broken if verdict.broken else conformance.title(verdict.rule)
        view.add_row(verdict.rule, word, escape(found))
    console_for(sys.stdout).print(view)
    if not conformance.holds(verdicts):
        broken = ", ".join(verdict.rule for verdict in verdicts if verdict.broken)
        click.echo(f"Error: {kind} breaks {broken}", err=True)
        ctx.exit(1)


def _native_gates(spec: DeviceSpec) -> Table:
    view = Table(box=None, header_style="bold")
    for heading in ("qubits", "T1", "T2", "native gate", "duration", "depolarises"):
        view.add_column(heading)
    rows: dict[tuple[str, ...], list[int]] = {}
    for index, qubit in enumerate(spec.qubits):
        times = [duration(t) if t != float("inf") else "-" for t in (qubit.t1_ns, qubit.t2_ns)]
        for name, gate in {**spec.gates, **qubit.gates}.items():
            if name == "measure" and not qubit.measurable:
                continue
            cells = (qubit.role, *times, name, duration(gate.duration_ns), fields.number(gate.depolarise))
            rows.setdefault(cells, []).append(index)
    for cells, places in rows.items():
        view.add_row(f"{_listed(places)} ({cells[0]})", *cells[1:])
    return view


def _listed(places: list[int]) -> str:
    if len(places) > 2 and places == list(range(places[0], places[-1] + 1)):
        return f"{places[0]}-{places[-1]}"
    return ", ".join(map(str, places))


def _sharing(spec: DeviceSpec) -> str:
    parts = ["attempts take the whole device" if spec.attempt_exclusive else "attempts run beside gates"]
    if spec.parallel:
        parts.append(f"{' and '.join(spec.parallel)} may begin together")
    if spec.pairs is not None:
        parts.append(f"two-qubit gates join {len(spec.pairs)} pairs")
    parts.append(f"instructions begin every {duration(spec.tick_ns)}" if spec.tick_ns else "no clock tick")
    return ", ".join(parts)


@contextmanager
def _findable() -> Iterator[None]:
    """``module:Class`` is looked for in the working directory too, as `python -m` does."""
    here = str(Path.cwd())
    if here in sys.path or "" in sys.path:
        yield
        return
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)
