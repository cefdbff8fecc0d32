"""Registers, arithmetic, branches and arrays: results, and errors with index and text."""

from __future__ import annotations

import pytest

from netqasm_isa import assemble
from qnpu.quotas import Quotas
from qnpu.settings import QnpuSettings
from qruntime.limits import ARRAY_LENGTH
from qruntime.messages import Aborted, ReadMemory
from tests.pair.harness import Bench, array_of, bits_of, run_one

INT_MIN, INT_MAX = -(2**31), 2**31 - 1


def aborted(text: str) -> Aborted:
    """The abort of a subroutine that is its program's only one."""
    cnpu = run_one(text).cnpus[0]
    assert not cnpu.done
    (only,) = cnpu.aborted
    return only


def compute(instruction: str, *values: int) -> int:
    """What a three or four operand instruction leaves in R9 for these operands."""
    sets = [f"set R{i} {value}" for i, value in enumerate(values)]
    registers = " ".join(f"R{i}" for i in range(len(values)))
    (done,) = run_one("\n".join([*sets, f"{instruction} R9 {registers}", "ret_reg R9"])).cnpus[0].done
    return bits_of(done)[0]


@pytest.mark.parametrize(
    ("instruction", "values", "result"),
    [
        ("add", (2, 3), 5),
        ("add", (INT_MAX, -1), INT_MAX - 1),
        ("add", (INT_MIN, 0), INT_MIN),
        ("sub", (2, 3), -1),
        ("sub", (-1, INT_MAX), INT_MIN),
        ("mul", (-7, 6), -42),
        ("mul", (46341, -46340), -2147441940),
        ("div", (17, 5), 3),
        ("div", (-17, 5), -4),
        ("div", (17, -5), -4),
        ("div", (-17, -5), 3),
        ("div", (INT_MIN, 1), INT_MIN),
        ("rem", (17, 5), 2),
        ("rem", (-17, 5), 3),
        ("rem", (17, -5), -3),
        ("rem", (-17, -5), -2),
        ("rem", (-15, 5), 0),
        ("rem", (INT_MIN, -1), 0),
        ("addm", (5, 6, 4), 3),
        ("addm", (-5, 0, 4), 3),
        ("addm", (INT_MAX, INT_MAX, 10), 4),
        ("addm", (3, 4, 1), 0),
        ("subm", (2, 7, 4), 3),
        ("subm", (7, 2, 4), 1),
        ("subm", (INT_MIN, INT_MAX, INT_MAX), INT_MAX - 1),
    ],
)
def test_arithmetic_follows_floor_semantics(instruction: str, values: tuple[int, ...], result: int) -> None:
    assert compute(instruction, *values) == result


def test_div_and_rem_satisfy_the_division_identity() -> None:
    for a in (-7, -1, 0, 3, 8):
        for b in (-3, -1, 2, 5):
            quotient, remainder = compute("div", a, b), compute("rem", a, b)
            assert quotient * b + remainder == a
            assert abs(remainder) < abs(b)
            assert remainder == 0 or (remainder > 0) == (b > 0)


@pytest.mark.parametrize(
    ("instruction", "values", "reason"),
    [
        ("add", (INT_MAX, 1), "result 2147483648 does not fit 32 bits"),
        ("sub", (INT_MIN, 1), "result -2147483649 does not fit 32 bits"),
        ("mul", (65536, 65536), "result 4294967296 does not fit 32 bits"),
        ("div", (INT_MIN, -1), "result 2147483648 does not fit 32 bits"),
        ("div", (4, 0), "division by zero"),
        ("rem", (4, 0), "division by zero"),
        ("addm", (1, 2, 0), "modulus 0 is below 1"),
        ("subm", (1, 2, -4), "modulus -4 is below 1"),
    ],
)
def test_impossible_arithmetic_aborts_at_the_instruction(
    instruction: str, values: tuple[int, ...], reason: str
) -> None:
    sets = [f"set R{i} {value}" for i, value in enumerate(values)]
    registers = " ".join(f"R{i}" for i in range(len(values)))
    fault = aborted("\n".join([*sets, f"{instruction} R9 {registers}"])).fault
    assert fault.code == "SUBROUTINE"
    assert fault.data["index"] == len(values)
    assert fault.data["instruction"] == f"{instruction} R9 {registers}"
    assert fault.data["subroutine"] == 0
    assert reason in fault.message
    assert f"instruction {len(values)} `{instruction} R9 {registers}`" in fault.message


@pytest.mark.parametrize(
    ("text", "register"),
    [
        ("add R0 R1 R2", "R1"),
        ("set R1 1\nadd R0 R1 C3", "C3"),
        ("addm R0 R1 R2 R3", "R1"),
        ("bez M4 0", "M4"),
        ("bnz M4 0", "M4"),
        ("set R1 1\nbeq R1 Q5 0", "Q5"),
        ("bne R1 Q5 0", "R1"),
        ("set R1 1\nblt R1 Q5 0", "Q5"),
        ("set R1 1\nbge R1 Q5 0", "Q5"),
        ("array C9 @0", "C9"),
        ("set R0 1\narray R0 @0\nstore M3 @0[R1]", "M3"),
        ("set R0 1\narray R0 @0\nset M3 1\nstore M3 @0[R1]", "R1"),
        ("set R0 1\narray R0 @0\nload M3 @0[R1]", "R1"),
        ("set R0 1\narray R0 @0\nundef @0[R1]", "R1"),
        ("set R0 1\narray R0 @0\nwait_single @0[R1]", "R1"),
        ("set R0 1\narray R0 @0\nwait_all @0[R0:R1]", "R1"),
        ("set R0 1\narray R0 @0\nwait_any @0[R1:R0]", "R1"),
        ("ret_reg M15", "M15"),
        ("qalloc Q0", "Q0"),
        ("qfree Q0", "Q0"),
        ("init Q0", "Q0"),
        ("h Q0", "Q0"),
        ("meas Q0 M0", "Q0"),
        ("meas_basis Q0 M0 1 2 3 4", "Q0"),
        ("cnot Q0 Q1", "Q0"),
    ],
)
def test_undefined_register_is_named(text: str, register: str) -> None:
    fault = aborted(text).fault
    assert f"register {register} is undefined" in fault.message
    assert fault.data["index"] == len(text.splitlines()) - 1


@pytest.mark.parametrize(
    ("branch", "a", "b", "taken"),
    [
        ("beq", 3, 3, True),
        ("beq", 3, -3, False),
        ("bne", 3, 3, False),
        ("bne", 3, 4, True),
        ("blt", -1, 0, True),
        ("blt", 0, 0, False),
        ("blt", 1, 0, False),
        ("bge", 0, 0, True),
        ("bge", 1, 0, True),
        ("bge", -1, 0, False),
        ("bez", 0, None, True),
        ("bez", -1, None, False),
        ("bnz", 0, None, False),
        ("bnz", 7, None, True),
    ],
)
def test_branches_compare_signed_numbers(branch: str, a: int, b: int | None, taken: bool) -> None:
    operands = "R0" if b is None else "R0 R1"
    sets = f"set R0 {a}\n" + ("" if b is None else f"set R1 {b}\n")
    text = f"{sets}set R2 0\n{branch} {operands} END\nset R2 1\nEND:\nret_reg R2"
    (done,) = run_one(text).cnpus[0].done
    assert bits_of(done) == [0 if taken else 1]


def test_branch_to_the_length_ends_the_subroutine() -> None:
    cnpu = run_one("set R0 1\njmp END\nset R0 2\nret_reg R0\nEND:").cnpus[0]
    assert [done.registers for done in cnpu.done] == [()]


@pytest.mark.parametrize("target", [-1, 2, 2**31 - 1])
def test_branch_outside_the_subroutine_is_refused_before_it_runs(target: int) -> None:
    code = bytearray(assemble("jmp 0").encode())
    code[-6:-2] = target.to_bytes(4, "little", signed=True)
    (only,) = run_one(bytes(code)).cnpus[0].aborted
    assert "refused" in only.fault.message
    assert only.fault.data["index"] == 0


def test_loop_counts_and_lea_loads_the_address() -> None:
    text = """
        set R0 0
        set R1 5
        set R2 1
        LOOP:
        beq R0 R1 END
        add R0 R0 R2
        jmp LOOP
        END:
        lea R3 @77
        ret_reg R0
        ret_reg R3
    """
    (done,) = run_one(text).cnpus[0].done
    assert bits_of(done) == [5, 77]


def test_endless_loop_is_aborted_by_the_instruction_budget() -> None:
    cnpu = run_one("START:\njmp START", settings=QnpuSettings(quotas=Quotas(instruction_budget=1000))).cnpus[
        0
    ]
    (only,) = cnpu.aborted
    assert (
        "has executed 1001 instructions; allowed: 1000 (os.qnpu.quotas.instruction_budget)"
        in only.fault.message
    )
    assert only.fault.data["instruction"] == "jmp 0"


def test_instruction_budget_counts_every_executed_instruction() -> None:
    """The loop below executes 2 + 3 n instructions up to its n-th jump."""
    text = "set R0 0\nset R2 1\nLOOP:\nadd R0 R0 R2\nadd R1 R0 R2\njmp LOOP"
    settings = QnpuSettings(quotas=Quotas(instruction_budget=2 + 3 * 40))
    bench = Bench(("alice",), settings=settings).program(0, 1, text).at(0, 10, ReadMemory(1, 0, (0,)))
    cnpu = bench.run().cnpus[0]
    assert len(cnpu.aborted) == 1
    (memory,) = cnpu.memory
    assert memory.registers == ((0, 41),)  # jump 41 is the first above the budget


# --- arrays ----------------------------------------


def test_arrays_hold_what_was_stored_and_none_elsewhere() -> None:
    text = """
        array 4 @3
        store 7 @3[0]
        store -5 @3[3]
        undef @3[0]
        store 2147483647 @3[1]
        load R5 @3[3]
        ret_arr @3
        ret_reg R5
    """
    (done,) = run_one(text).cnpus[0].done
    assert array_of(done, 3) == [None, INT_MAX, None, -5]
    assert bits_of(done) == [-5]


def test_array_of_size_zero_exists_and_is_empty() -> None:
    (done,) = run_one("array 0 @9\nwait_all @9[0:0]\nwait_any @9[0:0]\nret_arr @9").cnpus[0].done
    assert done.arrays == ((9, ()),)


def test_declaring_an_array_again_replaces_it() -> None:
    text = "array 3 @0\nstore 1 @0[0]\narray 2 @0\nret_arr @0"
    (done,) = run_one(text).cnpus[0].done
    assert array_of(done) == [None, None]


def test_addresses_are_names_that_do_not_overlap() -> None:
    text = "array 2 @0\narray 2 @1\nstore 1 @0[1]\nstore 2 @1[0]\nret_arr @0\nret_arr @1"
    (done,) = run_one(text).cnpus[0].done
    assert done.arrays == ((0, (None, 1)), (1, (2, None)))


def test_ret_arr_is_a_copy_of_that_moment() -> None:
    (done,) = run_one("array 1 @0\nret_arr @0\nstore 1 @0[0]\nret_arr @0").cnpus[0].done
    assert done.arrays == ((0, (None,)), (0, (1,)))


def test_registers_and_arrays_survive_from_one_subroutine_to_the_next() -> None:
    first = "set R4 11\narray 2 @5\nstore R4 @5[1]"
    second = "ret_reg R4\nret_arr @5\nload C2 @5[1]\nret_reg C2"
    cnpu = run_one(first, second).cnpus[0]
    assert cnpu.done[1].registers == ((0b010000, 11), (0b001001, 11))
    assert array_of(cnpu.done[1], 5) == [None, 11]


@pytest.mark.parametrize(
    ("instructions", "reason"),
    [
        (["set R0 1", "store R0 @4[R0]"], "there is no array @4"),
        (["set R0 1", "load R1 @4[R0]"], "there is no array @4"),
        (["set R0 1", "undef @4[R0]"], "there is no array @4"),
        (["set R0 1", "wait_single @4[R0]"], "there is no array @4"),
        (["set R0 1", "wait_all @4[R0:R0]"], "there is no array @4"),
        (["set R0 1", "wait_any @4[R0:R0]"], "there is no array @4"),
        (["ret_arr @4"], "there is no array @4"),
        (["set R0 2", "array R0 @0", "store R0 @0[R0]"], "index 2 is outside array @0 of length 2"),
        (["set R0 2", "array R0 @0", "load R1 @0[R0]"], "index 2 is outside array @0 of length 2"),
        (
            ["set R0 2", "array R0 @0", "set R1 -1", "undef @0[R1]"],
            "index -1 is outside array @0 of length 2",
        ),
        (["set R0 2", "array R0 @0", "set R1 -1", "wait_single @0[R1]"], "index -1 is outside"),
        (["set R0 2", "array R0 @0", "set R1 3", "wait_all @0[R0:R1]"], "slice @0[2:3] is outside the array"),
        (
            ["set R0 2", "array R0 @0", "set R1 -1", "wait_any @0[R1:R0]"],
            "slice @0[-1:2] is outside the array",
        ),
        (["set R0 2", "array R0 @0", "set R1 1", "wait_all @0[R0:R1]"], "slice @0[2:1] is outside the array"),
        (["set R0 2", "array R0 @0", "set R1 0", "load R2 @0[R1]"], "entry @0[0] has no value"),
        (["set R0 -1", "array R0 @0"], "array size -1 is not in 0.."),
        ([f"set R0 {ARRAY_LENGTH + 1}", "array R0 @0"], f"is not in 0..{ARRAY_LENGTH}"),
    ],
)
def test_array_faults_abort_with_reason(instructions: list[str], reason: str) -> None:
    fault = aborted("\n".join(instructions)).fault
    assert reason in fault.message
    assert fault.data["index"] == len(instructions) - 1
    assert fault.data["instruction"] == instructions[-1]


def test_arrays_of_a_program_have_a_limit_together() -> None:
    text = f"set R0 {ARRAY_LENGTH}\n" + "\n".join(f"array R0 @{i}" for i in range(5))
    fault = aborted(text).fault
    assert fault.data["index"] == 5
    assert "entries" in fault.message


def test_replacing_an_array_gives_its_entries_back() -> None:
    text = f"set R0 {ARRAY_LENGTH}\n" + "\n".join(f"array R0 @{i % 4}" for i in range(12))
    assert len(run_one(text).cnpus[0].done) == 1


def test_what_a_subroutine_returns_fits_into_one_message() -> None:
    fault = aborted("array 10000 @0\nSTART:\nret_arr @0\njmp START").fault
    assert fault.data["instruction"] == "ret_arr @0"
    assert "returned" in fault.message


def test_empty_subroutine_is_done() -> None:
    cnpu = run_one("").cnpus[0]
    assert [(done.registers, done.arrays) for done in cnpu.done] == [((), ())]


def test_abort_leaves_registers_and_arrays_as_they_were() -> None:
    bench = Bench(("alice",))
    bench.program(0, 1, "set R0 3\narray R0 @0\nstore R0 @0[R1]").at(
        0, 5, ReadMemory(1, 8, (0, 1, 4), (0, 1))
    )
    (memory,) = bench.run().cnpus[0].memory
    assert memory.ref == 8
    assert memory.registers == ((0, 3), (1, None), (4, None))
    assert memory.arrays == ((0, (None, None, None)), (1, None))
