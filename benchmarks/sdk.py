"""What it costs to build a teleport sender's subroutine, against the NetQASM SDK in the same run.

python -m benchmarks.sdk

The subroutine prepares a qubit with two rotations, makes a pair, and measures both behind CNOT and H.
Medians over rounds in which ours and theirs take turns.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable

from benchmarks.table import Row, keeps, show
from cnpu import Builder, EprSocket, Qubit, compiled
from netqasm_isa import decode, encode_instructions

ROUNDS = 31
ROUND_S = 0.01
LIMIT_US = 100.0


class Desk:
    """As much of a node as the SDK needs to build."""

    def __init__(self) -> None:
        self.builder = Builder()


def teleport(node: Desk) -> bytes:
    """Build the sender's subroutine; its bytes."""
    qubit = Qubit(node)
    qubit.rot_Y(n=3, d=4)
    qubit.rot_Z(n=5, d=4)
    (half,) = EprSocket(node, "bob", 0, 1, 100).create_keep()
    qubit.cnot(half)
    qubit.H()
    qubit.measure()
    half.measure()
    return node.builder.finish().code


def run() -> list[Row]:
    """Build and encode, build with the bytes found in the cache, encode alone; the reference if
    installed."""
    desk = Desk()
    code = teleport(desk)
    instructions = decode(code).instructions

    def first_time() -> None:
        compiled.forget_codes()
        teleport(desk)

    calls: dict[str, Callable[[], object]] = {
        "build and encode": first_time,
        "build, bytes from the cache": lambda: teleport(desk),
        "encode": lambda: encode_instructions(instructions),
    }
    reference = _reference()
    if reference is not None:
        calls["NetQASM SDK: build and encode"] = reference
    medians = _medians_us(calls)
    rows: list[Row] = [{"what": "instructions of the subroutine", "value": len(instructions), "unit": ""}]
    for what, median in medians.items():
        row: Row = {"what": what, "value": median, "unit": "us"}
        if what in ("build and encode", "build, bytes from the cache"):
            row["limit"] = LIMIT_US
        rows.append(row)
    if reference is not None:
        ratio = medians["NetQASM SDK: build and encode"] / medians["build and encode"]
        rows.append({"what": "NetQASM SDK / ours", "value": ratio, "unit": "times"})
    return rows


def _reference() -> Callable[[], object] | None:
    """The same subroutine with the NetQASM SDK, None if it is not installed."""
    os.environ.setdefault("NETQASM_SIMULATOR", "debug")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from netqasm.sdk import EPRSocket
            from netqasm.sdk import Qubit as TheirQubit
            from netqasm.sdk.connection import DebugConnection
        except ImportError:
            return None
    DebugConnection.node_ids = {"alice": 0, "bob": 1}
    socket = EPRSocket("bob")
    connection = DebugConnection("alice", epr_sockets=[socket])

    def build() -> None:
        qubit = TheirQubit(connection)
        qubit.rot_Y(n=3, d=4)
        qubit.rot_Z(n=5, d=4)
        (half,) = socket.create_keep()
        qubit.cnot(half)
        qubit.H()
        qubit.measure()
        half.measure()
        connection.flush()
        connection.storage.clear()

    return build


def _medians_us(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    repeats = {what: max(1, int(ROUND_S * 1e6 / _per_call_us(call, 5))) for what, call in calls.items()}
    times: dict[str, list[float]] = {what: [] for what in calls}
    for _ in range(ROUNDS):
        for what, call in calls.items():
            times[what].append(_per_call_us(call, repeats[what]))
    return {what: statistics.median(kept) for what, kept in times.items()}


def _per_call_us(call: Callable[[], object], repeat: int) -> float:
    began = time.perf_counter_ns()
    for _ in range(repeat):
        call()
    return (time.perf_counter_ns() - began) / repeat / 1e3


def main() -> int:
    """Print the table; status 1 if a limit is missed."""
    rows = run()
    show("SDK", rows)
    return int(not all(keeps(row) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
