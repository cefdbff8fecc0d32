"""Breakpoints show states in the middle of a subroutine: of each qubit, or of both programs' together."""

import logging

import numpy as np
from _short import Short, one, pair, two
from netqasm.lang.ir import BreakpointAction, BreakpointRole
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.run import run
from squidasm.sim.stack.common import LogManager
from squidasm.sim.stack.globals import GlobalSimData


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def local(context):
    q = Qubit(context.connection)
    q.H()
    context.connection.insert_breakpoint(BreakpointAction.NOP)
    context.connection.insert_breakpoint(BreakpointAction.DUMP_LOCAL_STATE)
    q.H()
    m = q.measure()
    yield from context.connection.flush()
    return {"m": m, "state": GlobalSimData.get_last_breakpoint_state()["Alice"][0]}


def creator(context):
    (q,) = context.epr_sockets["Bob"].create_keep()
    q.rot_X(angle=np.pi / 2)
    context.connection.insert_breakpoint(BreakpointAction.DUMP_GLOBAL_STATE, BreakpointRole.CREATE)
    yield from context.connection.flush()
    context.csockets["Bob"].send("")


def receiver(context):
    (q,) = context.epr_sockets["Alice"].recv_keep()
    context.connection.insert_breakpoint(BreakpointAction.DUMP_GLOBAL_STATE, BreakpointRole.RECEIVE)
    yield from context.connection.flush()
    yield from context.csockets["Alice"].recv()
    assert q.active
    return {"dump": GlobalSimData.get_last_breakpoint_state()}


def expect() -> None:
    handler = Lines()
    logger = LogManager.get_stack_logger()
    logger.addHandler(handler)
    level = LogManager.get_log_level()
    LogManager.set_log_level("INFO")
    try:
        ((result,),) = run(one(), {"Alice": Short(local, [])})
    finally:
        logger.removeHandler(handler)
        LogManager.set_log_level(level)
    assert result["m"] == 0 and np.allclose(result["state"], 0.5)
    assert any("qubit 0 of Alice" in line for line in handler.lines)
    assert np.allclose(GlobalSimData.get_last_breakpoint_state()["Alice"][0], 0.5)

    _, (result,) = run(two(), pair(creator, receiver))
    ((places, state),) = result["dump"].items()
    assert sorted(places) == [("Alice", 0), ("Bob", 0)]
    rotation = np.array([[1, -1j], [-1j, 1]]) / np.sqrt(2)
    ket = np.kron(rotation, np.eye(2)) @ np.array([1, 0, 0, 1]) / np.sqrt(2)
    if places[0][0] == "Bob":
        ket = ket.reshape(2, 2).T.ravel()
    assert np.allclose(state, np.outer(ket, ket.conj()))


if __name__ == "__main__":
    expect()
