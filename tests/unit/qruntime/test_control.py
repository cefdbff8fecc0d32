"""Control messages as bytes: golden bytes, both ways for every type, readable by others, nothing else
accepted."""

from __future__ import annotations

import json
import random
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qruntime import control as c
from qruntime import orders
from qruntime.actors import Message
from qruntime.control import decode_control, encode_control
from qruntime.errors import ProgramError, WireError
from qruntime.limits import CONTROL_BYTES, VALUE_DEPTH
from qruntime.tokens import pack_token, unpack_token
from qruntime.wire import VERSION, encode
from tests.unit.qruntime import golden
from tests.unit.qruntime.control_examples import EXAMPLES, TYPES
from tests.unit.qruntime.forged import HEADER, TUPLE_EXT, fuzzed, packed, tag_of
from tests.unit.qruntime.message_examples import EXAMPLES as DATA_EXAMPLES
from tests.unit.qruntime.message_examples import fields, messages_of
from tests.unit.qruntime.program_values import shape, values

GOLDEN_BYTES = [encode_control(message) for message in EXAMPLES]

by_type = pytest.mark.parametrize("message", EXAMPLES, ids=[type(message).__name__ for message in EXAMPLES])


def items_of(message: Message) -> list[Any]:
    """Tag and fields as MessagePack has them, extensions left alone."""
    items: list[Any] = msgpack.unpackb(encode_control(message)[1:], strict_map_key=False)
    return items


def refused(data: bytes) -> str:
    with pytest.raises(WireError) as caught:
        decode_control(data)
    return str(caught.value)


def load(**inputs: Any) -> c.Load:
    return c.Load("a", "0", 0, 0, ("alice",), {"alice": inputs}, {"alice": "delft"})


def ended(value: dict[str, Any]) -> c.EndedRow:
    return c.EndedRow(0, "alice", 0, value, None, "", 0, 1)


# ---------------------------------------------------------------------------------------------- the table


def test_there_is_one_example_of_each_control_message() -> None:
    assert [type(message) for message in EXAMPLES] == list(TYPES)
    defined = {cls for cls in vars(c).values() if isinstance(cls, type) and issubclass(cls, Message)}
    assert {cls for cls in defined if cls.__module__ in (c.__name__, orders.__name__)} == set(TYPES)


def test_no_tag_is_used_twice_not_even_by_messages_of_actors() -> None:
    tags = [tag_of(type(message)) for message in (*EXAMPLES, *DATA_EXAMPLES)]
    assert len(set(tags)) == len(tags)
    assert {type(tag) for tag in tags} == {int}


def test_golden_bytes_of_every_control_message() -> None:
    rows = {type(message).__name__: encode_control(message).hex() for message in EXAMPLES}
    golden.check("control.json", json.dumps(rows, indent=1) + "\n")


# -------------------------------------------------------------------------------------------- both ways


@by_type
def test_golden_bytes_decode_to_the_control_message(message: Message) -> None:
    rows = json.loads((golden.GOLDEN / "control.json").read_text())
    decoded = decode_control(bytes.fromhex(rows[type(message).__name__]))
    assert type(decoded) is type(message)
    assert shape(fields(decoded)) == shape(fields(message))


@pytest.mark.parametrize("cls", TYPES, ids=[cls.__name__ for cls in TYPES])
def test_random_control_message_arrives_as_it_was_sent(cls: type[Message]) -> None:
    @given(messages_of(cls))
    @settings(max_examples=20, deadline=None)
    def arrives(message: Message) -> None:
        data = encode_control(message)
        decoded = decode_control(data)
        assert shape(fields(decoded)) == shape(fields(message))
        assert encode_control(decoded) == data

    arrives()


@given(values)
@settings(max_examples=60, deadline=None)
def test_values_of_programs_keep_their_types_in_every_message_that_carries_them(value: Any) -> None:
    row, order = ended({"v": value}), load(v=value)
    state = c.SessionState(0, "a", "done", 0, ("alice",), (row,))
    for message, found in (
        (c.Report(0, "a/cnpu", (), (row,)), lambda m: m.ended[0].value),
        (c.ShotDone(0, (row,)), lambda m: m.ended[0].value),
        (state, lambda m: m.ended[0].value),
        (c.SessionList((state,)), lambda m: m.sessions[0].ended[0].value),
        (order, lambda m: m.inputs["alice"]),
        (c.Run("r", order, 0, 1, 1, False), lambda m: m.load.inputs["alice"]),
        (c.SubmitApp("r", order), lambda m: m.load.inputs["alice"]),
    ):
        assert shape(found(decode_control(encode_control(message)))) == shape({"v": value})
    assert row.value["v"] is value


def test_other_readers_see_plain_messagepack() -> None:
    report = items_of(next(m for m in EXAMPLES if isinstance(m, c.Report)))
    pair = msgpack.ExtType(TUPLE_EXT, msgpack.packb([0, 1]))
    assert report == [
        63,
        2,
        "alice/cnpu",
        [
            [0, "bob/cnpu", 1_000_000],
            [1, 0, 14_000_500],
            [2, 1],
            [3, 14_000_000, "cnpu", "PROGRAM_STARTED", 0, [0, "alice"]],
        ],
        [[0, "alice", 3, {"m": pair, "raw": b"\xff"}, None, "", 0, 14_020_150, [[5, "measured"]]]],
        "",
        [[13_000_000, 14_000_000], [14_000_000, -1]],
    ]


def test_numbers_of_another_library_arrive_as_plain_ones() -> None:
    numpy = pytest.importorskip("numpy")
    decoded = decode_control(encode_control(load(theta=numpy.float64(0.5), n=numpy.int64(3))))
    assert isinstance(decoded, c.Load)
    assert shape(decoded.inputs["alice"]) == shape({"theta": 0.5, "n": 3})


def test_input_that_no_program_can_take_is_refused_before_it_leaves() -> None:
    with pytest.raises(ProgramError, match=r"input alice\.x\[0\] has type"):
        encode_control(load(x=[object()]))


def test_token_arrives_as_it_was_sent_and_nothing_else_is_one() -> None:
    assert unpack_token(pack_token(3, "alice/cnpu", 17)) == (3, "alice/cnpu", 17)
    assert msgpack.unpackb(pack_token(3, "alice/cnpu", 17)) == [3, "alice/cnpu", 17]
    for data in (
        b"",
        b"\xc1",
        msgpack.packb([3, "a"]),
        msgpack.packb([3, "a", 1, 2]),
        msgpack.packb([3, 4, 1]),
    ):
        with pytest.raises(WireError, match="not a token"):
            unpack_token(data)


# ----------------------------------------------------------------------------------------- what is refused


def test_every_other_version_is_refused() -> None:
    for version in (0, 2, 255):
        why = f"control message version {version}; this end speaks {VERSION}"
        assert refused(bytes([version]) + GOLDEN_BYTES[0][1:]) == why
    assert refused(b"") == f"control message version missing; this end speaks {VERSION}"


@pytest.mark.parametrize("tag", [0, 59, 99, -1, 2**63, "60", True, None])
def test_unknown_control_tag_is_refused(tag: Any) -> None:
    assert "not a control message" in refused(packed(tag, 1, 2))


@pytest.mark.parametrize("message", DATA_EXAMPLES, ids=[type(message).__name__ for message in DATA_EXAMPLES])
def test_message_between_actors_is_no_control_message(message: Message) -> None:
    assert "not a control message" in refused(encode(message))


@by_type
def test_control_message_cut_short_or_with_more_behind_it_is_refused(message: Message) -> None:
    data = encode_control(message)
    for length in range(len(data)):
        refused(data[:length])
    assert "trailing" in refused(data + b"\xc0")


@by_type
def test_field_too_many_in_a_control_message_is_refused(message: Message) -> None:
    assert "at most length" in refused(packed(*items_of(message), 0))


@by_type
def test_field_of_a_wrong_type_in_a_control_message_is_refused(message: Message) -> None:
    items = items_of(message)
    for position in range(1, len(items)):
        for wrong in (1.5, {"k": 1.5}):
            changed = [*items[:position], wrong, *items[position + 1 :]]
            assert f"at `$[{position}]" in refused(packed(*changed))


@pytest.mark.parametrize(
    "row",
    [
        [],
        [0, "bob/cnpu"],
        [0, "bob/cnpu", 1, 2],
        [0, 1, 2],
        [1, 0, 5, 5],
        [1, "t", 5],
        [2],
        [2, 1, 1],
        [3, 1, "u", "E", 0],
        [3, 1, "u", "E", 0, [0.5]],
        [3, 1, "u", "E", 0, [[1]]],
        [4, 1],
        [-1],
        "x",
        None,
    ],
)
def test_effect_that_is_none_is_refused(row: Any) -> None:
    assert "not a control message" in refused(packed(63, 0, "a/cnpu", [row]))


@pytest.mark.parametrize(
    "data",
    [
        packed(65, 0, "a", [[1, 2, "k", "w", 0]]),
        packed(65, 0, "a", [], [[1, "a", "idle", 0, [], 0, 0]], 1),
        packed(71, 0, [[0, "alice", 0, {}, None, "", 0, 1, [], 0]]),
        packed(71, 0, [], [[0, "n", "u", "E", 0, [], 0]]),
        packed(71, 0, [[0, "alice", 0, {1: 2}, None, "", 0, 1]]),
        packed(67, "a", "0", 0, 0, [], {"alice": []}, {}),
    ],
)
def test_wrong_inside_of_a_control_message_is_refused(data: bytes) -> None:
    assert refused(data).startswith("not a control message: ")


@pytest.mark.parametrize(
    ("raw_value", "why"),
    [
        (msgpack.packb({1.5: 1}), "key of type float"),
        (b"\xd6\xff\x00\x00\x00\x01", "datetime"),
        (msgpack.packb(msgpack.ExtType(5, b"1234")), "unknown MessagePack extension 5"),
        (b"\x91" * (VALUE_DEPTH + 1) + b"\xc0", "nested deeper"),
        (b"\x91" * 500_000 + b"\xc0", "not a control message"),
        (b"\xdd\xff\xff\xff\xff", "truncated"),
    ],
)
def test_value_that_no_program_has_is_refused_wherever_it_travels(raw_value: bytes, why: str) -> None:
    marker = msgpack.packb("here it goes")
    row, order = ended({"v": "here it goes"}), load(v="here it goes")
    state = c.SessionState(0, "a", "done", 0, ("alice",), (row,))
    for message in (
        c.Report(0, "a/cnpu", (), (row,)),
        c.ShotDone(0, (row,)),
        state,
        c.SessionList((state,)),
        order,
        c.Run("r", order, 0, 1, 1, False),
        c.SubmitApp("r", order),
    ):
        assert why in refused(encode_control(message).replace(marker, raw_value))


def test_control_message_of_the_longest_length_travels_and_a_longer_one_is_refused_at_both_ends() -> None:
    around = len(encode_control(c.Report(0, "a", (), (), "x" * 100_000))) - 100_000
    longest = c.Report(0, "a", (), (), "x" * (CONTROL_BYTES - around))
    data = encode_control(longest)
    assert len(data) == CONTROL_BYTES
    assert decode_control(data) == longest
    why = f"control message of {CONTROL_BYTES + 1} bytes; {CONTROL_BYTES} are allowed"
    with pytest.raises(WireError, match=why):
        encode_control(c.Report(0, "a", (), (), longest.crash + "x"))
    assert refused(data + b"x") == why


# ----------------------------------------------------------------------------------------------------- fuzz

FUZZ = 20_000  # strings of bytes, seed 2


def test_any_bytes_are_a_control_message_or_a_wire_error() -> None:
    source = random.Random(2)
    accepted = 0
    for number in range(FUZZ):
        try:
            message = decode_control(fuzzed(source, number, TYPES, GOLDEN_BYTES))
        except WireError:
            continue
        accepted += 1
        again = encode_control(message)
        assert encode_control(decode_control(again)) == again
    assert FUZZ / 100 < accepted < FUZZ / 2  # mutations that only change a number are messages


@given(st.binary(max_size=200))
def test_any_bytes_that_search_finds_are_a_control_message_or_a_wire_error(data: bytes) -> None:
    for candidate in (data, HEADER + data):
        try:
            message = decode_control(candidate)
        except WireError:
            continue
        assert type(message) in TYPES
    try:
        token = unpack_token(data)
    except WireError:
        return
    assert unpack_token(pack_token(*token)) == token


@by_type
def test_a_missing_field_in_a_control_message_is_refused(message: Message) -> None:
    needed = sum(field.required for field in msgspec.structs.fields(type(message)))
    if needed == 0:
        assert decode_control(packed(tag_of(type(message)))) == message
        return
    assert "at least length" in refused(packed(*items_of(message)[:needed]))
