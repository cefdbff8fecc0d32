"""Messages as bytes: golden bytes, both ways for every type, readable by others, nothing else accepted."""

from __future__ import annotations

import json
import random
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qruntime import messages as m
from qruntime import qdevice
from qruntime.actors import Message
from qruntime.errors import Fault, WireError
from qruntime.limits import MESSAGE_BYTES, VALUE_DEPTH
from qruntime.wire import VERSION, decode, encode
from tests.unit.qruntime import golden
from tests.unit.qruntime.forged import HEADER, TUPLE_EXT, fuzzed, packed, tag_of
from tests.unit.qruntime.message_examples import EXAMPLES, TYPES, fields, messages_of, plain
from tests.unit.qruntime.program_values import shape, values

by_type = pytest.mark.parametrize("message", EXAMPLES, ids=[type(message).__name__ for message in EXAMPLES])


def pack(value: Any) -> bytes:
    """MessagePack of the msgpack package."""
    data: bytes = msgpack.packb(value)
    return data


def classical(raw_value: bytes) -> bytes:
    """A classical message whose value is these MessagePack bytes."""
    before = b"".join(pack(item) for item in (tag_of(m.ClassicalMessage), 0, "a", "b"))
    return HEADER + b"\x95" + before + raw_value


def refused(data: bytes) -> str:
    with pytest.raises(WireError) as caught:
        decode(data)
    return str(caught.value)


def unpacked(data: bytes) -> Any:
    """What the msgpack package reads, with our tuples as tuples."""

    def extension(code: int, payload: bytes) -> Any:
        assert code == TUPLE_EXT
        return tuple(msgpack.unpackb(payload, ext_hook=extension, strict_map_key=False))

    return msgpack.unpackb(data, ext_hook=extension, strict_map_key=False)


# ---------------------------------------------------------------------------------------------- the table


def test_there_is_one_example_of_each_message_and_no_tag_is_used_twice() -> None:
    assert [type(message) for message in EXAMPLES] == list(TYPES)
    tags = [tag_of(cls) for cls in TYPES]
    assert sorted(set(tags)) == tags
    assert all(type(tag) is int for tag in tags)


def test_every_message_class_is_in_the_table() -> None:
    defined = {cls for cls in vars(m).values() if isinstance(cls, type) and issubclass(cls, Message)}
    assert defined - {Message} == set(TYPES)


def test_golden_bytes_of_every_message() -> None:
    rows = {type(message).__name__: encode(message).hex() for message in EXAMPLES}
    golden.check("wire.json", json.dumps(rows, indent=1) + "\n")


# -------------------------------------------------------------------------------------------- both ways


@by_type
def test_golden_bytes_decode_to_the_message(message: Message) -> None:
    rows = json.loads((golden.GOLDEN / "wire.json").read_text())
    decoded = decode(bytes.fromhex(rows[type(message).__name__]))
    assert type(decoded) is type(message)
    assert decoded == message


@by_type
def test_golden_bytes_are_messagepack_after_the_version(message: Message) -> None:
    rows = json.loads((golden.GOLDEN / "wire.json").read_text())
    data = bytes.fromhex(rows[type(message).__name__])
    assert data[:1] == HEADER
    expected = [getattr(message, name) for name in message.__struct_fields__]
    if not isinstance(message, m.ClassicalMessage):
        expected = plain(message)
    assert shape(unpacked(data[1:])) == shape([tag_of(type(message)), *expected])


@pytest.mark.parametrize("cls", TYPES, ids=[cls.__name__ for cls in TYPES])
def test_random_message_arrives_as_it_was_sent(cls: type[Message]) -> None:
    @given(messages_of(cls))
    @settings(max_examples=40, deadline=None)
    def arrives(message: Message) -> None:
        data = encode(message)
        decoded = decode(data)
        assert type(decoded) is cls
        assert [shape(field) for field in fields(decoded)] == [shape(field) for field in fields(message)]
        assert encode(decoded) == data

    arrives()


@given(values)
@settings(deadline=None)
def test_value_of_a_classical_message_keeps_its_types_for_us_and_for_other_readers(value: Any) -> None:
    data = encode(m.ClassicalMessage(1, "alice", "bob", value))
    decoded = decode(data)
    assert isinstance(decoded, m.ClassicalMessage)
    assert shape(decoded.value) == shape(value)
    assert shape(unpacked(data[1:])[4]) == shape(value)


def test_encoding_leaves_the_message_as_it_was() -> None:
    value = {"k": [(1, 2)]}
    message = m.ClassicalMessage(1, "alice", "bob", value)
    encode(message)
    assert message.value is value
    assert shape(value) == shape({"k": [(1, 2)]})


def test_fields_with_defaults_may_be_missing_at_the_end() -> None:
    assert decode(packed(tag_of(m.Register), 3, "bqc", 2)) == m.Register(3, "bqc", 2)


# ----------------------------------------------------------------------------------------- what is refused


@by_type
def test_every_other_version_is_refused(message: Message) -> None:
    data = encode(message)
    for version in (0, 2, 255):
        assert refused(bytes([version]) + data[1:]) == f"message version {version}; this end speaks {VERSION}"


def test_nothing_at_all_is_refused() -> None:
    assert refused(b"") == f"message version missing; this end speaks {VERSION}"
    assert refused(HEADER).startswith("not a message: ")


@pytest.mark.parametrize("tag", [0, 8, 16, 99, -1, 2**63, "1", 1.0, True, None, [1]])
def test_unknown_tag_is_refused(tag: Any) -> None:
    assert "not a message" in refused(packed(tag, 1, 2))


@by_type
def test_truncated_message_is_refused_at_every_length(message: Message) -> None:
    data = encode(message)
    for length in range(len(data)):
        refused(data[:length])


@by_type
def test_bytes_after_the_message_are_refused(message: Message) -> None:
    assert "trailing" in refused(encode(message) + b"\xc0")


@by_type
def test_field_too_many_is_refused(message: Message) -> None:
    items = msgspec.msgpack.decode(encode(message)[1:], ext_hook=msgspec.msgpack.Ext)
    assert "at most length" in refused(HEADER + msgspec.msgpack.encode([*items, 0]))


@by_type
def test_missing_field_is_refused(message: Message) -> None:
    needed = sum(field.required for field in msgspec.structs.fields(type(message)))
    items = msgspec.msgpack.decode(encode(message)[1:], ext_hook=msgspec.msgpack.Ext)
    assert "at least length" in refused(HEADER + msgspec.msgpack.encode(items[:needed]))


@by_type
def test_field_of_a_wrong_type_is_refused(message: Message) -> None:
    items = msgspec.msgpack.decode(encode(message)[1:], ext_hook=msgspec.msgpack.Ext)
    for position, name in enumerate(message.__struct_fields__, start=1):
        if (type(message), name) == (m.ClassicalMessage, "value"):
            continue  # takes any value
        optional = (type(message), name) == (m.Register, "deadline_ns")
        for wrong in (1.5, {"k": None}, *(() if optional else (None,))):
            changed = [*items[:position], wrong, *items[position + 1 :]]
            assert f"at `$[{position}]" in refused(HEADER + msgspec.msgpack.encode(changed))


@pytest.mark.parametrize(
    "data",
    [
        packed(tag_of(m.Aborted), 1, 2, ["EPR", "text", {}, 4]),
        packed(tag_of(m.Aborted), 1, 2, ["EPR"]),
        packed(tag_of(m.Aborted), 1, 2, ["EPR", "text", {"k": 1.5}]),
        packed(tag_of(m.Aborted), 1, 2, ["EPR", "text", {1: 2}]),
        packed(tag_of(m.StatusReport), 1, [[1, "a", "idle", 0, [], 0, 0]], 1),
        packed(tag_of(qdevice.Operate), [[1, 2, "x", 0, 0, 0, 0, 0, 0]]),
        packed(tag_of(qdevice.Entangle), 1, 0, 0, [[1, 2, 3, False, 0, [1, 2]]]),
        packed(tag_of(m.Register), 1, "a", 1, "vanilla", 0, [[0, 1, 0]]),
        packed(tag_of(m.Submit), 1, 0, "text, not bytes"),
        packed(tag_of(m.Stop), True),
    ],
)
def test_wrong_inside_of_a_message_is_refused(data: bytes) -> None:
    assert refused(data).startswith("not a message: Expected")


@pytest.mark.parametrize(
    ("raw_value", "why"),
    [
        (pack({1.5: 1}), "key of type float"),
        (pack({None: 1}), "key of type NoneType"),
        (pack({(1, 2): 1}), "key of type tuple"),
        (b"\x81\x80\x01", "hashable"),
        (b"\xd6\xff\x00\x00\x00\x01", "datetime"),
        (pack(msgpack.ExtType(5, b"1234")), "unknown MessagePack extension 5"),
        (pack(msgpack.ExtType(TUPLE_EXT, pack(3))), "Expected `array`"),
        (pack(msgpack.ExtType(TUPLE_EXT, pack([1]) + b"\xc0")), "trailing"),
        (pack(msgpack.ExtType(TUPLE_EXT, b"")), "truncated"),
        (b"\xa1\xff", "utf-8"),
        (b"\xdd\xff\xff\xff\xff", "truncated"),
        (b"\xdf\xff\xff\xff\xff", "truncated"),
        (b"\xc6\xff\xff\xff\xff", "truncated"),
        (b"\xc1", "invalid"),
    ],
)
def test_value_that_no_program_can_send_is_refused(raw_value: bytes, why: str) -> None:
    assert why in refused(classical(raw_value))


@pytest.mark.parametrize("levels", [VALUE_DEPTH + 1, 500, 5_000, 500_000])
def test_value_nested_too_deeply_is_refused(levels: int) -> None:
    assert refused(classical(b"\x91" * levels + b"\xc0")).startswith("not a message: ")


@pytest.mark.parametrize("levels", [VALUE_DEPTH + 1, 500, 5_000])
def test_tuples_nested_too_deeply_are_refused(levels: int) -> None:
    value = b"\xc0"
    for _ in range(levels):
        payload = b"\x91" + value
        value = b"\xc9" + len(payload).to_bytes(4, "big") + bytes([TUPLE_EXT]) + payload
    assert refused(classical(value)).startswith("not a message: ")


def test_message_of_the_longest_length_travels_and_a_longer_one_is_refused_at_both_ends() -> None:
    around = len(encode(m.Submit(1, 2, b"x" * 100_000))) - 100_000
    longest = m.Submit(1, 2, b"x" * (MESSAGE_BYTES - around))
    data = encode(longest)
    assert len(data) == MESSAGE_BYTES
    assert decode(data) == longest
    why = f"message of {MESSAGE_BYTES + 1} bytes; {MESSAGE_BYTES} are allowed"
    with pytest.raises(WireError, match=why):
        encode(m.Submit(1, 2, longest.code + b"x"))
    assert refused(data + b"x") == why


# ----------------------------------------------------------------------------------------------------- fuzz


FUZZ = 20_000  # strings of bytes, seed 1


GOLDEN_BYTES = [encode(message) for message in EXAMPLES]


def test_any_bytes_are_a_message_or_a_wire_error() -> None:
    source = random.Random(1)
    accepted = 0
    for number in range(FUZZ):
        data = fuzzed(source, number, TYPES, GOLDEN_BYTES)
        try:
            message = decode(data)
        except WireError:
            continue
        accepted += 1
        again = encode(message)
        assert encode(decode(again)) == again
    assert FUZZ / 100 < accepted < FUZZ / 2  # mutations that only change a number are messages


@given(st.binary(max_size=200))
def test_any_bytes_that_search_finds_are_a_message_or_a_wire_error(data: bytes) -> None:
    for candidate in (data, HEADER + data, classical(data)):
        try:
            message = decode(candidate)
        except WireError:
            continue
        assert type(message) in TYPES


def test_fault_in_a_message_is_not_shared_with_the_next_one() -> None:
    data = packed(tag_of(m.RequestFailed), 1, ["EPR", "text"])
    first, second = decode(data), decode(data)
    assert isinstance(first, m.RequestFailed)
    assert isinstance(second, m.RequestFailed)
    first.fault.data["k"] = 1
    assert second.fault == Fault("EPR", "text")
