"""What encoding, decoding and assembling cost, against the reference package in the same run.

python -m benchmarks.isa_decode

Prints one table for one subroutine of 50 instructions: the median over rounds in which ours and theirs take
turns, so that a busy machine slows both. Exit status 1 if decoding is not at least 20 times quicker than
the reference. The numbers of ours are without the cache by content.
"""

import statistics
import sys
import time
import warnings
from collections.abc import Callable

from benchmarks.table import Row, keeps, show
from netqasm_isa import assemble, check, decode, encode_instructions

NEEDED_RATIO = 20.0
ROUNDS = 31
ROUND_S = 0.004

# A teleport with a loop and a rotation in it: every common layout, in about the mix that the SDK emits.
TEXT = """
# NETQASM 1.0
# APPID 7
array 10 @0
array 1 @1
store 1 @1[0]
array 22 @2
store 0 @2[0]
store 1 @2[1]
set Q0 0
qalloc Q0
init Q0
rot_y Q0 5 4
rot_z Q0 31 4
create_epr(1,0) 1 2 0
wait_all @0[0:10]
set Q1 1
cnot Q0 Q1
h Q0
meas Q0 M0
meas Q1 M1
qfree Q0
qfree Q1
set R5 0
LOOP:
beq R5 10 END
load R6 @0[R5]
add R5 R5 1
jmp LOOP
END:
array 2 @3
store M0 @3[0]
store M1 @3[1]
ret_arr @3
"""


def run() -> list[Row]:
    """The median of each operation in microseconds, and how many times longer the reference takes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from netqasm.lang.parsing.binary import deserialize
        from netqasm.lang.parsing.text import parse_text_subroutine

    subroutine = assemble(TEXT)
    data = subroutine.encode()
    noisy = bytearray(data)
    noisy[5] |= 0xC0  # a register with its unused bits set: the less common way through the decoder
    instructions, version, app_id = subroutine.instructions, subroutine.version, subroutine.app_id
    theirs = deserialize(data)
    if len(subroutine) != 50 or bytes(theirs) != data or decode(bytes(noisy)) != subroutine:
        raise AssertionError("the two packages do not do the same work")

    noisy_data = bytes(noisy)
    return [
        *_rows("decode", lambda: decode(data), lambda: deserialize(data), NEEDED_RATIO),
        *_rows("decode, odd bits set", lambda: decode(noisy_data), lambda: deserialize(noisy_data)),
        *_rows("encode", lambda: encode_instructions(instructions, version, app_id), lambda: bytes(theirs)),
        *_rows("check", lambda: check(subroutine), None),
        *_rows("assemble", lambda: assemble(TEXT), lambda: parse_text_subroutine(TEXT)),
    ]


def _rows(
    name: str,
    ours: Callable[[], object],
    reference: Callable[[], object] | None,
    needed_ratio: float | None = None,
) -> list[Row]:
    ours_us, reference_us = _medians_us(ours, reference)
    rows: list[Row] = [{"what": f"{name} 50 instructions", "value": ours_us, "unit": "us"}]
    if reference_us is not None:
        ratio: Row = {
            "what": "  the reference package takes",
            "value": reference_us / ours_us,
            "unit": "times",
        }
        if needed_ratio is not None:
            ratio["floor"] = needed_ratio
        rows.append(ratio)
    return rows


def _medians_us(
    ours: Callable[[], object], reference: Callable[[], object] | None
) -> tuple[float, float | None]:
    calls = [ours] if reference is None else [ours, reference]
    repeats = [_repeats(call) for call in calls]
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, repeat, kept in zip(calls, repeats, times, strict=True):
            kept.append(_per_call_us(call, repeat))
    medians = [statistics.median(kept) for kept in times]
    return medians[0], medians[1] if reference is not None else None


def _repeats(call: Callable[[], object]) -> int:
    _per_call_us(call, 3)
    return max(1, int(ROUND_S * 1e6 / _per_call_us(call, 5)))


def _per_call_us(call: Callable[[], object], repeat: int) -> float:
    begin = time.perf_counter_ns()
    for _ in range(repeat):
        call()
    return (time.perf_counter_ns() - begin) / repeat / 1e3


def main() -> int:
    rows = run()
    show("Instruction set", rows)
    return 0 if all(map(keeps, rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
