"""Every reference vector, in both directions."""

import json
from pathlib import Path
from typing import Any

import pytest

from netqasm_isa import (
    CheckError,
    DecodeError,
    IsaError,
    Subroutine,
    assemble,
    assemble_instruction,
    check,
    decode,
    disassemble_instruction,
    encode_instructions,
    epr,
    instruction_set,
    messages,
    mnemonics,
    register,
    register_name,
)
from netqasm_isa.instructions import LAYOUTS

Vector = dict[str, Any]

VECTORS = Path(__file__).with_name("netqasm_vectors.json")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``<key>_vector`` runs once per entry of that key of the vectors."""
    vectors = json.loads(VECTORS.read_text())
    for name in metafunc.fixturenames:
        key = name.removesuffix("_vector")
        if name.endswith("_vector") and key in vectors:
            entries = vectors[key]
            metafunc.parametrize(
                name, entries, ids=[_id(number, entry) for number, entry in enumerate(entries)]
            )


def _id(number: int, entry: dict[str, Any]) -> str:
    return f"{number}-{entry.get('mnemonic') or entry.get('name') or entry.get('why')}"


def lines(subroutine: Subroutine) -> list[str]:
    return [disassemble_instruction(ins, subroutine.flavour) for ins in subroutine.instructions]


def test_layouts_put_every_operand_at_the_reference_offset(vectors: Vector) -> None:
    ours = {
        name: [f"{field.kind}@{offset}" for field, offset in zip(layout.fields, layout.offsets, strict=True)]
        for name, layout in LAYOUTS.items()
    }
    assert ours == vectors["layouts"]


def test_register_bytes_are_the_reference_ones(vectors: Vector) -> None:
    table = vectors["tables"]["registers"]
    assert len(table) == 64
    for name, byte in table.items():
        assert register(name) == int(byte, 16)
        assert register_name(int(byte, 16)) == name


def test_opcodes_of_every_flavour_are_the_reference_ones(vectors: Vector) -> None:
    ours = {
        flavour: {str(code): row.mnemonic for code, row in instruction_set(flavour).items()}
        for flavour in vectors["tables"]["flavours"]
    }
    assert ours == vectors["tables"]["flavours"]


@pytest.mark.parametrize(
    ("key", "enum"),
    [
        ("epr_type", epr.EprType),
        ("random_basis", epr.RandomBasis),
        ("basis", epr.Basis),
        ("bell_state", epr.BellState),
        ("time_unit", epr.TimeUnit),
        ("link_layer_error", epr.LinkLayerError),
        ("rotation_axes", epr.RotationAxes),
        ("args_array", epr.ArgsIndex),
        ("keep_result", epr.KeepIndex),
        ("measure_result", epr.MeasureIndex),
    ],
)
def test_enumerations_have_the_reference_members(vectors: Vector, key: str, enum: Any) -> None:
    assert {member.name: member.value for member in enum} == vectors["tables"][key]


def test_pauli_rotations_are_the_reference_ones(vectors: Vector) -> None:
    ours = {
        axes.name: {pauli: list(numerators) for pauli, numerators in rows.items()}
        for axes, rows in epr.PAULI_ROTATIONS.items()
    }
    assert ours == vectors["tables"]["basis_to_rotation_sixteenths_of_pi"]


def test_instruction_vector_passes_both_ways_in_every_flavour(instructions_vector: Vector) -> None:
    assert instructions_vector["vectors"]
    for flavour in instructions_vector["flavours"]:
        row = mnemonics(flavour)[instructions_vector["mnemonic"]]
        assert (row.opcode, row.layout.name, list(row.names), list(row.flavours)) == (
            instructions_vector["opcode"],
            instructions_vector["layout"],
            instructions_vector["operands"],
            instructions_vector["flavours"],
        )
        for text, command in instructions_vector["vectors"].items():
            ins = assemble_instruction(text, flavour)
            data = bytes.fromhex("000a0000" + command)
            assert encode_instructions([ins], flavour=flavour) == data
            assert decode(data, flavour).instructions == (ins,)
            assert disassemble_instruction(ins, flavour) == text


def test_subroutine_vector_assembles_encodes_and_decodes(subroutines_vector: Vector) -> None:
    flavour = subroutines_vector["flavour"]
    assembled = assemble("\n".join(subroutines_vector["text"]), flavour)
    if "values" in subroutines_vector:
        assert lines(assembled) == subroutines_vector["uninstantiated"]
        assert list(assembled.arguments) == subroutines_vector["arguments"]
        assembled = assembled.instantiate(assembled.app_id, subroutines_vector["values"])
    assert lines(assembled) == subroutines_vector["instructions"]
    assert assembled.encode().hex() == subroutines_vector["hex"]
    check(assembled)

    decoded = decode(bytes.fromhex(subroutines_vector["hex"]), flavour)
    assert decoded == assembled
    assert assemble(str(decoded), flavour) == decoded


def test_reject_vector_is_refused(rejects_vector: Vector) -> None:
    with pytest.raises(IsaError):
        assemble("\n".join(rejects_vector["text"]), rejects_vector["flavour"]).encode()


def test_bytes_that_mean_a_reject_of_the_check_layer_are_refused_by_the_check(vectors: Vector) -> None:
    rejects = [vector for vector in vectors["rejects"] if vector["layer"] == "check"]
    assert rejects
    for vector in rejects:
        decoded = decode(bytes.fromhex(vector["upstream_hex"]), vector["flavour"])
        with pytest.raises(CheckError):
            check(decoded)


def test_bytes_vector_gets_its_verdict(bytes_vector: Vector) -> None:
    data = bytes.fromhex(bytes_vector["hex"])
    verdict = bytes_vector["expect"]
    if verdict == "reject":
        with pytest.raises(DecodeError):
            decode(data, bytes_vector["flavour"])
        return
    decoded = decode(data, bytes_vector["flavour"])
    expected = verdict.removeprefix("accept").removeprefix(" as ")
    assert lines(decoded) == ([expected] if expected else [])


def test_host_messages_pass_both_ways(vectors: Vector) -> None:
    for vector in vectors["messages"]["host_to_qnpu"]:
        message = host_message(vector)
        assert message.encode().hex() == vector["hex"]
        assert messages.decode_host_message(bytes.fromhex(vector["hex"])) == message


def test_qnpu_messages_pass_both_ways(vectors: Vector) -> None:
    for vector in vectors["messages"]["qnpu_to_host"]:
        message = qnpu_message(vector)
        assert message.encode().hex() == vector["hex"]
        assert messages.decode_qnpu_message(bytes.fromhex(vector["hex"])) == message


def test_message_headers_pass_both_ways(vectors: Vector) -> None:
    for vector in vectors["messages"]["framing"]:
        header = messages.MessageHeader(**vector["fields"])
        assert header.encode().hex() == vector["hex"]
        assert messages.decode_header(bytes.fromhex(vector["hex"])) == header


def test_message_vectors_cover_every_message(vectors: Vector) -> None:
    kinds = {
        vector["type"] for group in ("host_to_qnpu", "qnpu_to_host") for vector in vectors["messages"][group]
    }
    assert kinds == {
        "InitNewApp",
        "OpenEPRSocket",
        "Subroutine",
        "StopApp",
        "Signal",
        "Done",
        "Error",
        "ReturnArray",
        "ReturnReg",
    }


def test_sdk_stream_decodes_passes_the_check_and_encodes_again(sdk_streams_vector: Vector) -> None:
    seen = 0
    for vector in sdk_streams_vector["messages"]:
        data = bytes.fromhex(vector["hex"])
        message = messages.decode_host_message(data)
        assert type(message).__name__ == vector["type"]
        assert message.encode() == data
        if isinstance(message, messages.Subroutine):
            seen += 1
            decoded = decode(message.subroutine, sdk_streams_vector["flavour"])
            check(decoded)
            assert lines(decoded) == vector["instructions"]
            assert decoded.encode() == message.subroutine
            assert assemble(str(decoded), decoded.flavour) == decoded
    assert seen


def host_message(vector: Vector) -> messages.HostMessage:
    fields = dict(vector["fields"])
    if vector["type"] == "Subroutine":
        return messages.Subroutine(bytes.fromhex(fields["subroutine"]))
    if vector["type"] == "Signal":
        return messages.Signal(messages.SignalKind[fields["signal"]])
    made: messages.HostMessage = getattr(messages, vector["type"])(**fields)
    return made


def qnpu_message(vector: Vector) -> messages.QnpuMessage:
    fields = dict(vector["fields"])
    if vector["type"] == "Error":
        return messages.Error(messages.ErrorCode[fields["err_code"]])
    if vector["type"] == "ReturnArray":
        return messages.ReturnArray(fields["address"], tuple(fields["values"]))
    if vector["type"] == "ReturnReg":
        return messages.ReturnReg(register(fields["register"]), fields["value"])
    return messages.Done(**fields)
