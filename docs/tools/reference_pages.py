"""Reference pages made from the code: the messages between actors, and the shipped applications.

`python docs/tools/reference_pages.py` writes them into docs/reference; with `--check` it writes nothing and
exits with 1 if a page on disk differs. `pages()` has their texts.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path

import msgspec

from cnpu import App, load_app, shipped_apps
from cnpu.inputs import Input
from qnos import fields
from qruntime import messages, wire
from qruntime.actors import Message
from qruntime.errors import Fault

DIRECTORY = Path(__file__).parents[1] / "reference"
FEWEST_NODES, MOST_NODES = 1, 8  # tried for applications whose roles depend on the network

_MADE_BY = "<!-- Made by `python docs/tools/reference_pages.py` from {}; edits here are lost. -->"

_INTRO = f"""\
{_MADE_BY.format("qruntime/messages.py")}

# Messages

Everything that actors send each other. On the wire a message is one byte, the version ({wire.VERSION}), and
then a MessagePack array: the tag, and the fields in order. A field with a default may be left out at the
end. Tags are never reused. Times are nanoseconds of simulated time, node ids are positions in the network
file, register operands are NetQASM register bytes. A tuple in a program's value travels as MessagePack
extension 1 around an encoded array.

Bytes that are not exactly such a message are refused with `WireError`. Parts of messages and numbered codes
come last."""

_SECTION = re.compile(r"^# --- (?P<title>.+?) -+$", re.M)


def pages() -> dict[str, str]:
    """File name -> content of every page."""
    return {"applications.md": applications(), "messages.md": message_tables()}


def applications() -> str:
    """What each shipped application does, and what it takes."""
    parts = [
        _MADE_BY.format("the docstrings in apps/"),
        "# Applications\n\nThese travel with qnos and run by name: `qnos run teleport`. Inputs are given as "
        "`--set role.name=value`. Each is a short Python file, meant to be read.",
    ]
    for name in shipped_apps():
        app = load_app(name)
        title, _, rest = app.doc.partition("\n\n")
        title = " ".join(title.split())
        parts.append(f"## {name}\n\n{title}")
        if rest:
            parts.append(f"```text\n{rest}\n```")
        parts.append(_roles(app))
    return "\n\n".join(parts) + "\n"


def _roles(app: App) -> str:
    nodes = next(n for n in range(FEWEST_NODES, MOST_NODES + 1) if _has_roles(app, n))
    roles = app.roles(nodes)
    note = "" if app.has_fixed_roles else f" (on {nodes} nodes; more on larger networks)"
    lines = [f"Roles: {', '.join(roles)}{note}."]
    rows = [
        (f"`{role}.{given.name}`", given.allowed, _default(given))
        for role, inputs in app.inputs(roles).items()
        for given in inputs.values()
    ]
    if rows:
        lines.append(_table(("input", "type", "default"), rows))
    return "\n\n".join(lines)


def _has_roles(app: App, nodes: int) -> bool:
    try:
        return bool(app.roles(nodes))
    except Exception:  # the application's own function says how many nodes it needs
        return False


def _default(given: Input) -> str:
    return "required" if given.required else fields.in_words(given.default)


def message_tables() -> str:
    """Every message, with the structs and codes in them."""
    return "\n\n".join([_INTRO, *_sections(), _parts(), _codes()]) + "\n"


def _sections() -> list[str]:
    """One section per heading of the source, with the messages defined below it."""
    source = inspect.getsource(messages)
    titles = [(match.start(), match["title"]) for match in _SECTION.finditer(source)]
    sections = []
    for at, (start, title) in enumerate(titles):
        stop = titles[at + 1][0] if at + 1 < len(titles) else len(source)
        classes = [
            getattr(messages, name)
            for name in re.findall(r"^class (\w+)\(Message\b", source[start:stop], re.MULTILINE)
        ]
        sections.append(
            "\n\n".join(
                [f"## {title.replace('<->', 'to and from').replace('->', 'to')}"]
                + [_described(cls, f"### {cls.__name__} ({cls.__struct_config__.tag})") for cls in classes]
            )
        )
    return sections


def _parts() -> str:
    """Structs inside of messages."""
    parts = [Fault] + [
        cls
        for cls in vars(messages).values()
        if isinstance(cls, type)
        and issubclass(cls, msgspec.Struct)
        and not issubclass(cls, Message)
        and cls.__module__ == messages.__name__
    ]
    return "\n\n".join(["## Parts", *(_described(cls, f"### {cls.__name__}") for cls in parts)])


def _codes() -> str:
    """Enumerations."""
    enums = [
        cls
        for cls in vars(messages).values()
        if isinstance(cls, type) and issubclass(cls, IntEnum) and cls is not IntEnum
    ]
    return "\n\n".join(
        ["## Codes"]
        + [
            f"### {cls.__name__}\n\n{_doc(cls)}\n\n"
            + _table(("name", "number"), [(f"`{member.name}`", str(member.value)) for member in cls])
            for cls in enums
        ]
    )


def _described(cls: type[msgspec.Struct], heading: str) -> str:
    rows = []
    for field in msgspec.structs.fields(cls):
        default = "" if field.required else repr(field.default)
        rows.append((f"`{field.name}`", _type(cls.__annotations__[field.name]), default))
    return f"{heading}\n\n{_doc(cls)}\n\n{_table(('field', 'type', 'default'), rows)}"


def _type(annotation: object) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return f"`{text}`"


def _doc(cls: type) -> str:
    return "\n\n".join(
        " ".join(paragraph.split()) for paragraph in inspect.cleandoc(cls.__doc__ or "").split("\n\n")
    ).replace("|", "\\|")


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def write(texts: Mapping[str, str], check: bool) -> int:
    """Write the pages, or only compare them; how many differ."""
    stale = 0
    for name, text in texts.items():
        file = DIRECTORY / name
        if file.is_file() and file.read_text("utf-8") == text:
            continue
        stale += 1
        if check:
            print(f"{name} differs from the code; run python docs/tools/reference_pages.py", file=sys.stderr)
        else:
            file.write_text(text, "utf-8")
            print(f"wrote {name}")
    return stale


if __name__ == "__main__":
    only_check = "--check" in sys.argv[1:]
    sys.exit(1 if write(pages(), only_check) and only_check else 0)
