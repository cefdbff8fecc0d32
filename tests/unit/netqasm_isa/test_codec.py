"""Bytes: round trips, tolerance, and refusals of encoder and decoder."""

import pickle
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netqasm_isa import (
    FLAVOURS,
    DecodeError,
    EncodeError,
    IsaError,
    NamedAddress,
    Subroutine,
    Template,
    assemble,
    check,
    decode,
    decode_cached,
    encode_instructions,
    lookup,
)
from netqasm_isa import opcodes as op
from netqasm_isa.registers import M0, Q0, Q1, R0, R1

HEADER = bytes.fromhex("000a0700")


@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(deadline=None)
@given(data=st.data())
def test_subroutine_survives_bytes_and_text(flavour: str, data: st.DataObject, subroutines: Any) -> None:
    subroutine: Subroutine = data.draw(subroutines(flavour))
    encoded = subroutine.encode()
    assert len(encoded) == 4 + 7 * len(subroutine)
    assert decode(encoded, flavour) == subroutine
    assert assemble(str(subroutine), flavour) == subroutine
    assert assemble(str(decode(encoded, flavour)), flavour).encode() == encoded
    check(subroutine)


@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(deadline=None)
@given(data=st.data())
def test_open_subroutine_survives_text(flavour: str, data: st.DataObject, subroutines: Any) -> None:
    subroutine: Subroutine = data.draw(subroutines(flavour, templates=True))
    assert assemble(str(subroutine), flavour) == subroutine


@pytest.mark.parametrize("legacy_mov", [False, True])
@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=120),
        st.integers(0, 12).flatmap(lambda n: st.binary(min_size=4 + 7 * n, max_size=4 + 7 * n)),
    )
)
def test_any_bytes_decode_or_raise_a_decode_error(flavour: str, legacy_mov: bool, data: bytes) -> None:
    try:
        decoded = decode(data, flavour, legacy_mov)
    except DecodeError:
        return
    assert len(decoded) == (len(data) - 4) // 7
    str(decoded)


@pytest.mark.parametrize("flavour", FLAVOURS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_upper_register_bits_and_padding_do_not_matter(
    flavour: str, data: st.DataObject, subroutines: Any
) -> None:
    subroutine: Subroutine = data.draw(subroutines(flavour))
    noisy = bytearray(subroutine.encode())
    rows = decode_rows(subroutine)
    for index, row in enumerate(rows):
        base = 4 + 7 * index
        used = {0}
        for field, offset in zip(row.layout.fields, row.layout.offsets, strict=True):
            used.update(range(offset, offset + field.size))
            if field.kind == "reg":
                noisy[base + offset] |= data.draw(st.integers(0, 3)) << 6
        for offset in set(range(7)) - used:
            noisy[base + offset] = data.draw(st.integers(0, 255))
    assert decode(bytes(noisy), flavour) == subroutine


def decode_rows(subroutine: Subroutine) -> list[Any]:
    return [lookup(ins[0], subroutine.flavour) for ins in subroutine.instructions]  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.binary(min_size=7, max_size=7), st.sampled_from(FLAVOURS))
def test_decoded_registers_are_below_64(command: bytes, flavour: str) -> None:
    try:
        (ins,) = decode(HEADER + command, flavour).instructions
    except DecodeError:
        return
    row = decode_rows(Subroutine(flavour=flavour, instructions=(ins,)))[0]
    for value, field in zip(ins[1:], row.layout.fields, strict=True):
        if field.kind == "reg":
            assert isinstance(value, int) and 0 <= value < 64


def test_decode_takes_bytearrays_and_memoryviews() -> None:
    data = encode_instructions([(op.SET, R0, 5)])
    assert decode(bytearray(data)) == decode(memoryview(data)) == decode(data)


def test_decode_cached_gives_the_same_and_tells_flavours_apart() -> None:
    data = HEADER + bytes.fromhex("1e020608040000")
    assert decode_cached(data) == decode(data)
    assert decode_cached(data) is decode_cached(data)
    assert decode_cached(data, "nv").instructions == ((op.CROT_X, Q0, Q1, 8, 4),)
    assert decode_cached(data, "vanilla").instructions == ((op.CNOT, Q0, Q1),)


@pytest.mark.parametrize("size", [0, 1, 3, 5, 10, 12])
def test_wrong_size_is_refused(size: int) -> None:
    with pytest.raises(DecodeError, match=f"^{size} bytes") as caught:
        decode(bytes(size))
    assert caught.value.index is None


def test_unknown_opcode_is_refused_with_its_index() -> None:
    data = HEADER + bytes.fromhex("0400050000000017020000000000")
    assert len(decode(data)) == 2
    with pytest.raises(
        DecodeError, match=r"^instruction 1: no opcode 23 in flavour nv \(h in vanilla\)$"
    ) as caught:
        decode(data, "nv")
    assert caught.value.index == 1


def test_opcode_zero_and_255_are_refused() -> None:
    for first in (b"\x00", b"\xff"):
        with pytest.raises(DecodeError, match="instruction 0: no opcode"):
            decode(HEADER + first + bytes(6))


def test_opcode_41_is_meas_basis_unless_told_otherwise() -> None:
    data = HEADER + bytes.fromhex("29020600000000")
    assert decode(data).instructions == ((op.MEAS_BASIS, Q0, Q1, 0, 0, 0, 0),)
    assert decode(data, legacy_mov=True).instructions == ((op.MOV, Q0, Q1),)
    assert decode(data, "nv", legacy_mov=True).instructions == ((op.MEAS_BASIS, Q0, Q1, 0, 0, 0, 0),)
    check(decode(data, legacy_mov=True))


@pytest.mark.parametrize("offset", [3, 4, 5, 6])
def test_legacy_opcode_41_with_anything_behind_the_registers_is_meas_basis(offset: int) -> None:
    command = bytearray.fromhex("29020300000000")
    command[offset] = 4
    expected = (op.MEAS_BASIS, Q0, M0, *command[3:])
    assert decode(HEADER + bytes(command), legacy_mov=True).instructions == (expected,)


def test_legacy_mov_ignores_upper_register_bits() -> None:
    data = HEADER + bytes.fromhex("29824600000000")
    assert decode(data, legacy_mov=True).instructions == ((op.MOV, Q0, Q1),)


@pytest.mark.parametrize("call", [decode, decode_cached])
def test_unknown_flavour_is_refused_by_the_decoder(call: Any) -> None:
    with pytest.raises(IsaError, match="no flavour 'ion'"):
        call(HEADER, "ion")


ENCODE_REFUSALS: list[tuple[str, tuple[Any, ...], str, str]] = [
    ("vanilla", (op.SET, 64, 0), "set", r"operand dst: register byte 64, allowed 0\.\.63"),
    ("vanilla", (op.SET, 255, 0), "set", "register byte 255"),
    ("vanilla", (op.SET, 256, 0), "set", "register byte 256"),
    ("vanilla", (op.SET, -1, 0), "set", "register byte -1"),
    ("vanilla", (op.STORE, R0, 0, 64), "store", "operand index: register byte 64"),
    ("vanilla", (op.SET, R0, 2**31), "set", "operand value is 2147483648, allowed -2147483648"),
    ("vanilla", (op.SET, R0, -(2**31) - 1), "set", "operand value is -2147483649"),
    ("vanilla", (op.SET, R0, 10**30), "set", "operand value is 1000000"),
    ("vanilla", (op.RET_ARR, -1), "ret_arr", r"operand address is -1, allowed 0\.\.2147483647"),
    ("vanilla", (op.WAIT_ALL, -(2**31), R0, R1), "wait_all", "operand address is -2147483648"),
    ("vanilla", (op.ROT_X, Q0, 256, 4), "rot_x", r"operand n is 256, allowed 0\.\.255"),
    ("vanilla", (op.ROT_X, Q0, 1, -1), "rot_x", "operand d is -1"),
    ("nv", (op.CROT_X, Q0, Q1, 300, 4), "crot_x", "operand n is 300"),
    ("trapped_ion", (op.BICHROMATIC, 300, 4), "bichromatic", "operand n is 300"),
    ("vanilla", (op.ADD, R0, R1), "add", r"3 operands \(dst a b\) needed, 2 given"),
    ("vanilla", (op.H, Q0, Q1), "h", r"1 operand \(qubit\) needed, 2 given"),
    ("vanilla", (op.SET, R0, 1.5), "set", "operand value is 1.5, an integer is needed"),
    ("vanilla", (op.SET, R0, None), "set", "operand value is None"),
    ("vanilla", (op.SET, R0, Template("x")), "set", "the template {x} has no value yet"),
    ("vanilla", (op.RET_ARR, NamedAddress("output")), "ret_arr", "the address @output has no number yet"),
    ("vanilla", (op.CNOT, Q0, Q1, 8, 4), "cnot", "2 operands"),
    ("nv", (op.H, Q0), "?", r"no opcode 23 in flavour nv \(h in vanilla\)"),
    ("vanilla", (254,), "?", "no opcode 254"),
    ("vanilla", (256,), "?", "no opcode 256"),
    ("vanilla", (-1,), "?", "no opcode -1"),
    ("vanilla", (-226, Q0, Q1), "?", "no opcode -226"),
    ("vanilla", ("set", R0, 1), "?", "no opcode 'set'"),
    ("vanilla", (), "?", "without an opcode"),
    ("vanilla", cast(Any, 5), "?", "5 is not an instruction, a tuple is needed"),
]


@pytest.mark.parametrize(("flavour", "ins", "mnemonic", "reason"), ENCODE_REFUSALS)
def test_encoder_refuses_with_index_mnemonic_and_reason(
    flavour: str, ins: tuple[Any, ...], mnemonic: str, reason: str
) -> None:
    with pytest.raises(EncodeError, match=reason) as caught:
        encode_instructions([(op.RET_REG, R0), ins], flavour=flavour)
    assert (caught.value.index, caught.value.mnemonic) == (1, mnemonic)
    assert str(caught.value).startswith(f"instruction 1 ({mnemonic}): ")


@pytest.mark.parametrize(
    ("version", "app_id", "message"),
    [
        ((256, 0), 0, r"header: major version 256, allowed 0\.\.255"),
        ((0, -1), 0, "minor version -1"),
        ((0, 10), 65536, r"application id 65536, allowed 0\.\.65535"),
        ((0, 10), -1, "application id -1"),
    ],
)
def test_header_that_does_not_fit_is_refused(version: tuple[int, int], app_id: int, message: str) -> None:
    with pytest.raises(EncodeError, match=message) as caught:
        encode_instructions([], version, app_id)
    assert caught.value.index is None


def test_encoder_needs_a_sequence_to_say_what_is_wrong() -> None:
    iterator: Any = iter([(op.SET, R0, 2**31)])
    with pytest.raises(IsaError, match="a sequence is needed"):
        encode_instructions(iterator)


def test_harmless_bytes_above_63_are_not_taken_for_registers() -> None:
    instructions = [
        (op.SET, R0, -1),
        (op.ROT_X, Q0, 255, 128),
        (op.RET_ARR, 2**31 - 1),
        (op.MUL, R0, R1, R1),
        (op.JMP, -1),
        (op.BREAKPOINT, 255, 255),
    ]
    data = encode_instructions(instructions)
    assert list(decode(data).instructions) == instructions


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(-300, 300)] * 3), max_size=4), st.sampled_from(FLAVOURS))
def test_random_tuples_encode_to_their_meaning_or_are_refused(instructions: list[Any], flavour: str) -> None:
    try:
        data = encode_instructions(instructions, flavour=flavour)
    except EncodeError:
        return
    assert list(decode(data, flavour).instructions) == instructions


def test_unknown_flavour_is_refused_by_the_encoder() -> None:
    with pytest.raises(IsaError, match="no flavour 'ion'"):
        encode_instructions([], flavour="ion")


def test_encoder_accepts_integers_of_other_types() -> None:
    assert encode_instructions([(op.SET, np.int64(R1), np.int32(-2))]) == encode_instructions(
        [(op.SET, R1, -2)]
    )
    with pytest.raises(EncodeError, match="operand dst: register byte 64"):
        encode_instructions([(op.SET, np.int64(64), np.int32(-2))])


@pytest.mark.parametrize(
    "error",
    [
        DecodeError(3, "why"),
        DecodeError(None, "why"),
        EncodeError(3, "set", "why"),
        IsaError("why"),
    ],
)
def test_errors_survive_pickling(error: IsaError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
