"""Our codec and assembler against the reference package, which serves here as an independent oracle."""

import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netqasm_isa import (
    FLAVOURS,
    INSTRUCTIONS,
    Subroutine,
    assemble,
    decode,
    disassemble_instruction,
    instruction_set,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from netqasm.lang.instr.flavour import NVFlavour, REIDSFlavour, TrappedIonFlavour, VanillaFlavour
    from netqasm.lang.parsing.binary import deserialize
    from netqasm.lang.parsing.text import parse_text_subroutine

THEIRS: dict[str, Any] = {
    "vanilla": VanillaFlavour(),
    "nv": NVFlavour(),
    "trapped_ion": TrappedIonFlavour(),
    "reids": REIDSFlavour(),
}

FLAVOUR = pytest.mark.parametrize("flavour", FLAVOURS)


def our_lines(subroutine: Subroutine) -> list[str]:
    return [disassemble_instruction(ins, subroutine.flavour) for ins in subroutine.instructions]


def their_lines(subroutine: Any) -> list[str]:
    return [str(instruction).strip() for instruction in subroutine.instructions]


def test_the_oracle_has_every_flavour_and_opcode_of_ours() -> None:
    for flavour, theirs in THEIRS.items():
        ours = {code: row.mnemonic for code, row in instruction_set(flavour).items()}
        assert ours == {code: kind.mnemonic for code, kind in theirs.id_map.items()}


@FLAVOUR
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_bytes_equal_those_of_the_oracle(flavour: str, data: st.DataObject, subroutines: Any) -> None:
    subroutine: Subroutine = data.draw(subroutines(flavour))
    theirs = parse_text_subroutine(str(subroutine), flavour=THEIRS[flavour])
    assert bytes(theirs) == subroutine.encode()


@FLAVOUR
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_decoding_equals_that_of_the_oracle(flavour: str, data: st.DataObject, subroutines: Any) -> None:
    subroutine: Subroutine = data.draw(subroutines(flavour))
    encoded = subroutine.encode()
    theirs = deserialize(encoded, THEIRS[flavour])
    ours = decode(encoded, flavour)
    assert their_lines(theirs) == our_lines(ours)
    assert (theirs.app_id, tuple(theirs.netqasm_version)) == (ours.app_id, ours.version)


@FLAVOUR
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_non_canonical_commands_decode_as_in_the_oracle(flavour: str, data: st.DataObject) -> None:
    opcodes = st.sampled_from(sorted(instruction_set(flavour)))
    command = st.tuples(opcodes, st.binary(min_size=6, max_size=6)).map(
        lambda pair: bytes((pair[0],)) + pair[1]
    )
    encoded = bytes(4) + b"".join(data.draw(st.lists(command, max_size=8)))
    assert their_lines(deserialize(encoded, THEIRS[flavour])) == our_lines(decode(encoded, flavour))


# Random programs. Constants use registers from R0 up; operands stay below R8, so that they never run out.
# Every register that stands in brackets also stands as a plain operand, because the oracle would take one
# that does not for scratch.
REGISTER = st.sampled_from([f"{bank}{index}" for bank in "RCQM" for index in range(8)])
CONSTANT = st.integers(-(2**31), 2**31 - 1).map(str)
LABELS = ["A", "LOOP", "end_2", "x"]


@st.composite
def programs(draw: st.DrawFn, flavour: str) -> str:
    register_or_constant = st.one_of(REGISTER, CONSTANT)
    bracketed: set[str] = set()

    def index() -> str:
        word = draw(register_or_constant)
        if not word.lstrip("-").isdigit():
            bracketed.add(word)
        return word

    def operand(shape: str, target: bool) -> str:
        if target:
            return draw(st.sampled_from(LABELS))
        if shape == "reg":
            return draw(register_or_constant)
        if shape == "u8":
            return str(draw(st.integers(0, 255)))
        if shape == "i32":
            return draw(CONSTANT)
        address = f"@{draw(st.integers(0, 2**31 - 1))}"
        if shape == "entry":
            return f"{address}[{index()}]"
        if shape == "slice":
            return f"{address}[{index()}:{index()}]"
        return address

    body: list[str] = []
    for row in draw(
        st.lists(st.sampled_from([row for row in INSTRUCTIONS if flavour in row.flavours]), max_size=15)
    ):
        if row.mnemonic == "breakpoint":
            body.append(f"breakpoint {draw(st.integers(0, 2))} {draw(st.integers(0, 1))}")
            continue
        shape = row.layout.shape
        words = [operand(kind, at + 1 == row.target) for at, kind in enumerate(shape)]
        arguments = 0
        while arguments < len(words) and words[arguments].lstrip("-").isdigit():
            arguments += 1
        arguments = draw(st.integers(0, arguments))
        brackets = f"({','.join(words[:arguments])})" if arguments else ""
        body.append(" ".join([row.mnemonic + brackets, *words[arguments:]]))
    body.extend(f"ret_reg {register}" for register in sorted(bracketed))
    for label in LABELS:
        body.insert(draw(st.integers(0, len(body))), f"{label}:")
    if draw(st.booleans()):
        body.insert(draw(st.integers(0, len(body))), "// a comment")
    return "\n".join(["# NETQASM 1.0", "# APPID 5", *body])


@FLAVOUR
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_constants_and_labels_expand_as_in_the_oracle(flavour: str, data: st.DataObject) -> None:
    text = data.draw(programs(flavour))
    theirs = parse_text_subroutine(text, flavour=THEIRS[flavour])
    ours = assemble(text, flavour)
    assert our_lines(ours) == their_lines(theirs)
    assert ours.encode() == bytes(theirs)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_macros_expand_as_in_the_oracle(data: st.DataObject) -> None:
    keys = data.draw(st.permutations(["qa", "rb", "sc"]))
    values = ["Q3", "{h Q1}", "M2", "$rb", "{meas Q0 M1}", "7"]
    defines = [f"# DEFINE {key} {data.draw(st.sampled_from(values))}" for key in keys]
    lines = ["set $qa 1", "$rb", "ret_reg $sc", "add R0 R0 $qa", "qfree $rb"]
    body = data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=5))
    text = "\n".join(["# NETQASM 1.0", "# APPID 5", *defines, *body])
    try:
        theirs = bytes(parse_text_subroutine(text))
    except Exception:
        with pytest.raises(ValueError):
            assemble(text)
        return
    assert assemble(text).encode() == theirs


def test_register_that_stands_in_brackets_alone_is_scratch_to_the_oracle_and_not_to_us() -> None:
    text = "# NETQASM 0.10\n# APPID 0\nstore 7 @0[R0]"
    assert their_lines(parse_text_subroutine(text)) == ["set R0 7", "store R0 @0[R0]"]
    assert our_lines(assemble(text)) == ["set R1 7", "store R1 @0[R0]"]


@FLAVOUR
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_instantiated_templates_equal_those_of_the_oracle(
    flavour: str, data: st.DataObject, subroutines: Any
) -> None:
    subroutine: Subroutine = data.draw(subroutines(flavour, templates=True))
    values = {name: data.draw(st.integers(0, 255)) for name in subroutine.arguments}
    theirs = parse_text_subroutine(str(subroutine), flavour=THEIRS[flavour])
    assert list(theirs.arguments) == list(subroutine.arguments)
    theirs.instantiate(subroutine.app_id, values)
    assert bytes(theirs) == subroutine.instantiate(subroutine.app_id, values).encode()
