"""Reference pages made from the code: the wire, the messages between actors, and the shipped applications.

`python docs/tools/reference_pages.py` writes them into docs/reference; with `--check` it writes nothing and
exits with 1 if a page on disk differs. `pages()` has their texts.
"""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Mapping, Sequence
from enum import IntEnum
from pathlib import Path

import msgspec

from cnpu import App, load_app, shipped_apps
from cnpu.inputs import Input
from cnpu.routes import SOCKETS_PER_SESSION
from qnos import fields
from qruntime import control, limits, messages, qdevice, tokens, wire
from qruntime.actors import Message
from qruntime.errors import Fault
from qruntime.trace import Record

DIRECTORY = Path(__file__).parents[1] / "reference"
FEWEST_NODES, MOST_NODES = 1, 8  # tried for applications whose roles depend on the network

_TUPLE_EXT = wire.tag_tuples(()).code

_MADE_BY = "<!-- Made by `python docs/tools/reference_pages.py` from {}; edits here are lost. -->"

_INTRO = f"""\
{_MADE_BY.format("qruntime/messages.py and qruntime/qdevice.py")}

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
    return {"applications.md": applications(), "messages.md": message_tables(), "wire.md": wire_page()}


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
    source = inspect.getsource(messages) + inspect.getsource(qdevice)
    titles = [(match.start(), match["title"]) for match in _SECTION.finditer(source)]
    sections = []
    for at, (start, title) in enumerate(titles):
        stop = titles[at + 1][0] if at + 1 < len(titles) else len(source)
        classes = [
            getattr(messages, name, None) or getattr(qdevice, name)
            for name in re.findall(r"^class (\w+)\(Message\b", source[start:stop], re.MULTILINE)
        ]
        sections.append(
            "\n\n".join(
                [f"## {title.replace('<->', 'to and from').replace('->', 'to')}"]
                + [_described(cls, f"### {cls.__name__} ({cls.__struct_config__.tag})") for cls in classes]
            )
        )
    return sections


_WIRE = f"""\
{_MADE_BY.format("qruntime/control.py, qruntime/orders.py and qruntime/messages.py")}

# Wire

What processes of a network say to each other, byte for byte: enough to write one in another language. It
needs ZeroMQ and MessagePack, nothing else. `tests/processes/foreign_cnpu.py` is such a process in one
short file.

## Sockets

Every process binds one ZeroMQ PULL socket, where everything comes in, and connects a PUSH socket to each
process that it sends to. There is one process per actor, `NODE/cnpu` and `NODE/qnpu`, and one more, the
*authority*, which runs the simulated world and orders events. A runtime directory has the sockets of a
network on one host: the authority is `ipc://DIR/world`, the actor `alice/cnpu` is `ipc://DIR/alice.cnpu`.

An address is `ipc://PATH` or `tcp://HOST:PORT`; where keys are used it is `HOLDER@tcp://HOST:PORT`. Then the
PULL socket there is a CURVE server with the public key of HOLDER, and lets in the keys that it knows. Some
connections carry nothing but the heartbeats of ZeroMQ, which libzmq answers by itself: they tell who is gone.

## Frames

A ZeroMQ message has an odd number of frames:

| frame | content |
| --- | --- |
| first | a control message, or nothing at all |
| second, fourth, ... | a token |
| third, fifth, ... | the body that the token names: a [message between actors](messages.md) |

A control message and a body are one byte, the version ({wire.VERSION}), and then a MessagePack array: the
tag, and the fields in order. A field with a default may be left out at the end. Tags are never reused,
and no tag is both.

A token is a MessagePack array without version or tag: `[universe, src, n]`, the `n`-th effect of the
actor `src`.

A tuple in the value of a program is MessagePack extension {_TUPLE_EXT} around an encoded array; all else
is plain. Integers have 64 bits, strings are UTF-8, keys are strings or integers, containers nest up to
{limits.VALUE_DEPTH} levels. A body has at most {limits.MESSAGE_BYTES:,} bytes, a control message
{limits.CONTROL_BYTES:,}.

Whatever is not exactly such a message is refused and counted, and the process goes on: another version,
an unknown tag, a field too many, a field of another type, a value that no program can have, a message
over its limit.

## From start to end

1. A process binds its socket, connects to the authority and sends `Hello`. When all have, each gets
   `Welcome` with the addresses of all; `world`, or `world0` and so on, are the authority.
2. `Load` says which application, and with what inputs, the universes to come will run; a process answers
   `Loaded`, with a fault if it cannot.
3. A *universe* is one network on one timeline: one shot, or one live network. Several are under way at
   once; each has actors, clocks and counters of its own. The first `Grant` of START with `n` 0 begins one
   afresh, for a number that was used before too.
4. A `Grant` lets an actor take one event, at `now_ns` of simulated time. Its answer is exactly one
   `Report`, with what the event caused. Until then no other event of this universe is granted to the
   actor.
5. If the event causes messages, their bodies go straight to the receivers, in a ZeroMQ message without
   control message; a body for the world rides with the report instead, behind it. The report has a row
   for each, in the order of the effects. A delay is never below the least latency of the channel, which
   the network file gives.
6. Sends and timers together are numbered from 0 in each universe: a send has the number that its token
   tells. A timer goes by a number that the process chooses; setting it again replaces it.
7. A grant of ARRIVAL names the token of its body. The body may come before the grant or after it: a
   process that has no body yet waits for it. Bodies from the world ride with the grant.
8. When nothing is left to happen in a universe and programs have not ended, `Ask` goes to all, and each
   answers with who waits and for what. If programs wait in vain the youngest gets a grant of DOOMED.
9. A program that ends is a row in `ended` of the report. When all have ended the shot is over.
10. `Forget` ends a universe in mid-flight, `Leave` the process.

A CNPU registers a program with its QNPU, submits subroutines and stops it, with
[Register](messages.md#register-1), [Submit](messages.md#submit-3) and [Stop](messages.md#stop-6); results
come as [Done](messages.md#done-11). A row of `sockets` in Register is an EPR socket: its number, the node
and the number of its other end, and the least fidelity in percent. Numbers follow the roles of the
application, in the order of `placement`: a socket towards the role with index *i* has the number
{SOCKETS_PER_SESSION} x `session` + *i*. A [classical message](messages.md#classicalmessage-30) carries
the names of the roles.

## Kinds of event in a grant

| kind | number | fields that count |
| --- | --- | --- |
"""

_EVENT_FIELDS = {
    "START": "`shot`; `n` is 0 for the first of a universe, 1 when a live network has more to run",
    "ARRIVAL": "`src` and `n`: the token of the body",
    "EXPIRY": "`timer`",
    "DOOMED": "`pid`, and `report`: who waits for what",
    "CANCELLED": "`pid`: the session whose programs end",
}
_FIRST_CLIENT_TAG = 70  # below: between the authority and its processes


def wire_page() -> str:
    """Frames, the life of a process, every control message, and an exchange in bytes."""
    kinds = "\n".join(
        f"| {name} | {getattr(control, name)} | {text} |" for name, text in _EVENT_FIELDS.items()
    )
    classes: list[type[Message]] = list(typing.get_args(control.ControlMessage))
    inner = [cls for cls in classes if _tag(cls) < _FIRST_CLIENT_TAG]
    rows: tuple[type[msgspec.Struct], ...] = typing.get_args(control.EffectRow)
    parts: list[type] = [
        cls
        for cls in vars(control).values()
        if isinstance(cls, type)
        and issubclass(cls, msgspec.Struct)
        and not issubclass(cls, Message)
        and cls.__module__ == control.__name__
        and cls not in rows
    ]
    parts.append(Record)
    return (
        "\n\n".join(
            [
                _WIRE + kinds,
                _exchange(),
                "## Between the authority and a process",
                *(_described(cls, f"### {cls.__name__} ({_tag(cls)})") for cls in inner),
                "## Rows of a report\n\nEach is an array that begins with its kind.",
                *(_described(cls, f"### {cls.__name__} ({cls.__struct_config__.tag})") for cls in rows),
                "## Between the authority and a client",
                *(
                    _described(cls, f"### {cls.__name__} ({_tag(cls)})")
                    for cls in classes
                    if cls not in inner
                ),
                "## Parts of control messages\n\n"
                "ProcessStatus and Fault are in [Messages](messages.md#parts).",
                *(_described(cls, f"### {cls.__name__}") for cls in parts),
                "## Tags of messages between actors",
                _table(
                    ("tag", "message", "fields"),
                    [
                        (str(_tag(cls)), f"`{cls.__name__}`", ", ".join(cls.__struct_fields__))
                        for cls in typing.get_args(messages.AnyMessage)
                    ],
                ),
            ]
        )
        + "\n"
    )


def _tag(cls: type[Message]) -> int:
    tag = cls.__struct_config__.tag
    assert isinstance(tag, int)
    return tag


def _exchange() -> str:
    """One program that runs one subroutine, as its CNPU sends and receives it."""
    cnpu, qnpu, latency_ns = "alice/cnpu", "alice/qnpu", 290_000
    addresses = {actor: f"ipc:///run/qnos/{actor.replace('/', '.')}" for actor in (cnpu, qnpu, "world")}
    hello = control.Hello(cnpu, addresses[cnpu], wire.VERSION, 4711)
    load = control.Load("coin", "9f86d0", 7, 0, ("alice",), {"alice": {}}, {"alice": "alice"})
    register = messages.Register(0, "coin", 1)
    submit = messages.Submit(0, 0, bytes.fromhex("01000000040c0500000000270c0000000000"))
    done = messages.Done(0, 0, ((12, 5),), ())
    to_qnpu = control.SendRow(qnpu, latency_ns)
    ended = control.EndedRow(0, "alice", 0, {"r": (5,)}, None, "", 0, 640_000)
    steps: list[tuple[str, Sequence[Message | tuple[int, str, int] | None]]] = [
        ("To the authority: here we are.", [hello]),
        ("From the authority, when all are there.", [control.Welcome(addresses)]),
        ("From the authority.", [load]),
        ("To the authority: it may begin.", [control.Loaded(cnpu)]),
        ("From the authority: universe 0 begins, shot 0.", [control.Grant(0, 0, 0, control.START, n=0)]),
        ("To the QNPU: effect 0 makes the program a process.", [None, (0, cnpu, 0), register]),
        ("To the QNPU: effect 1 is a subroutine, `set R3 5` and `ret_reg R3`.", [None, (0, cnpu, 1), submit]),
        ("To the authority: that was all.", [control.Report(0, cnpu, (to_qnpu, to_qnpu))]),
        ("From the QNPU, some time: what the subroutine returned.", [None, (0, qnpu, 0), done]),
        (
            "From the authority, before that or after: take it now.",
            [control.Grant(0, 0, 640_000, control.ARRIVAL, qnpu, 0)],
        ),
        ("To the QNPU: effect 2.", [None, (0, cnpu, 2), messages.Stop(0)]),
        ("To the authority: the program has ended.", [control.Report(0, cnpu, (to_qnpu,), (ended,))]),
        ("From the authority, when the network ends.", [control.Leave()]),
    ]
    text = [
        "## An exchange in bytes\n\nOf the CNPU of alice, with every frame in hexadecimal digits and as "
        "MessagePack reads it behind the version. `ext` is an extension: number and content."
    ]
    for number, (title, frames) in enumerate(steps, start=1):
        rows = [_frame(frame) for frame in frames]
        text.append(f"{number}\\. {title}\n\n" + _table(("frame", "bytes", "content"), rows))
    return "\n\n".join(text)


def _frame(content: Message | tuple[int, str, int] | None) -> tuple[str, str, str]:
    """Name, bytes and reading of one frame."""
    if content is None:
        return "no control message", "", ""
    if isinstance(content, tuple):
        data = tokens.pack_token(*content)
        return "token", f"`{data.hex()}`", f"`{_reading(msgspec.msgpack.decode(data))}`"
    is_control = type(content) in typing.get_args(control.ControlMessage)
    data = control.encode_control(content) if is_control else wire.encode(content)
    items = msgspec.msgpack.decode(data[1:], ext_hook=msgspec.msgpack.Ext)
    return type(content).__name__, f"`{data.hex()}`", f"`{_reading(items)}`"


def _reading(value: object) -> str:
    """A decoded value as text that is the same for every reader."""
    match value:
        case list():
            return "[" + ", ".join(map(_reading, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{_reading(key)}: {_reading(item)}" for key, item in value.items()) + "}"
        case bytes():
            return f"hex {value.hex()}"
        case msgspec.msgpack.Ext():
            return f"ext({value.code}, hex {bytes(value.data).hex()})"
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
    return str(value)


def _parts() -> str:
    """Structs inside of messages."""
    parts = [Fault] + [
        cls
        for cls in (vars(messages) | vars(qdevice)).values()
        if isinstance(cls, type)
        and issubclass(cls, msgspec.Struct)
        and not issubclass(cls, Message)
        and cls.__module__ in (messages.__name__, qdevice.__name__)
    ]
    return "\n\n".join(["## Parts", *(_described(cls, f"### {cls.__name__}") for cls in parts)])


def _codes() -> str:
    """Enumerations."""
    enums = [
        cls
        for cls in (vars(messages) | vars(qdevice)).values()
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


def _described(cls: type, heading: str) -> str:
    defaults = {}
    if issubclass(cls, msgspec.Struct):
        fields = msgspec.structs.fields(cls)
        defaults = {
            field.name: repr(
                field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
            )
            for field in fields
            if not field.required
        }
    rows = [(f"`{name}`", _type(hint), defaults.get(name, "")) for name, hint in cls.__annotations__.items()]
    return f"{heading}\n\n{_doc(cls)}\n\n{_table(('field', 'type', 'default'), rows)}"


def _type(annotation: object) -> str:
    if isinstance(annotation, typing.ForwardRef):  # of a NamedTuple
        annotation = annotation.__forward_arg__
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
