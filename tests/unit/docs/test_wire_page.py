"""The page about the wire says what the code does, byte for byte, to a reader who has only MessagePack."""

from __future__ import annotations

import re
import typing
from typing import Any

import msgpack
import pytest

from qruntime import control, messages, tokens, wire
from qruntime.errors import WireError
from tests.unit.docs.pages import ROOT

PAGE = (ROOT / "docs/reference/wire.md").read_text("utf-8")
EXCHANGE = PAGE.partition("## An exchange in bytes")[2].partition("\n## ")[0]
FRAMES = re.findall(r"^\| (\w+) \| `([0-9a-f]+)` \| `(.+)` \|$", EXCHANGE, re.M)


def reading(value: Any) -> str:
    """A value that the msgpack package read, as the page writes it."""
    match value:
        case list():
            return "[" + ", ".join(map(reading, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{reading(k)}: {reading(v)}" for k, v in value.items()) + "}"
        case msgpack.ExtType():
            return f"ext({value.code}, hex {value.data.hex()})"
        case bytes():
            return f"hex {value.hex()}"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
    return "nil" if value is None else str(value)


def test_exchange_has_every_kind_of_frame() -> None:
    names = [name for name, _, _ in FRAMES]
    assert {"Hello", "Welcome", "Load", "Loaded", "Grant", "Report", "token", "Submit", "Done", "Leave"} <= {
        *names
    }
    assert EXCHANGE.count("| no control message |") == names.count("token")


@pytest.mark.parametrize(("name", "digits", "content"), FRAMES)
def test_bytes_of_the_exchange_are_the_messages_that_the_page_says(
    name: str, digits: str, content: str
) -> None:
    data = bytes.fromhex(digits)
    if name == "token":
        assert reading(msgpack.unpackb(data)) == content
        assert reading(list(tokens.unpack_token(data))) == content
        return
    assert data[0] == wire.VERSION
    assert reading(msgpack.unpackb(data[1:], strict_map_key=False)) == content
    decode = control.decode_control if hasattr(control, name) else wire.decode
    assert type(decode(data)).__name__ == name


def test_page_has_every_message_with_its_tag() -> None:
    for cls in typing.get_args(control.ControlMessage):
        assert f"\n### {cls.__name__} ({cls.__struct_config__.tag})\n" in PAGE
    for cls in typing.get_args(messages.AnyMessage):
        assert f"\n| {cls.__struct_config__.tag} | `{cls.__name__}` |" in PAGE
    for cls in typing.get_args(control.EffectRow):
        assert f"\n### {cls.__name__} ({cls.__struct_config__.tag})\n" in PAGE


def test_page_has_every_kind_of_event() -> None:
    section = PAGE.partition("## Kinds of event")[2].partition("\n## ")[0]
    kinds = {name: int(number) for name, number in re.findall(r"^\| ([A-Z]+) \| (\d) \|", section, re.M)}
    assert kinds == {
        "START": control.START,
        "ARRIVAL": control.ARRIVAL,
        "EXPIRY": control.EXPIRY,
        "DOOMED": control.DOOMED,
        "CANCELLED": control.CANCELLED,
    }


def test_a_control_message_is_no_body_and_a_body_no_control_message() -> None:
    for name, digits, _ in FRAMES:
        if name == "token":
            continue
        with pytest.raises(WireError):
            (wire.decode if hasattr(control, name) else control.decode_control)(bytes.fromhex(digits))
