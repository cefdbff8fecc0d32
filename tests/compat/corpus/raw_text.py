"""Subroutines as text, in every iteration: arithmetic, arrays, branches, and entanglement by number."""

from collections.abc import Generator

from netqasm.lang.parsing.text import parse_text_protosubroutine
from pydynaa import EventExpression
from squidasm.run.stack.config import LinkConfig, StackConfig, StackNetworkConfig
from squidasm.run.stack.run import run
from squidasm.sim.stack.program import Program, ProgramContext, ProgramMeta

COUNT = """
# NETQASM 1.0
# APPID 0
array 4 @7
set R0 0
set R1 0
LOOP:
beq R0 4 EXIT
mul R2 R0 R0
store R2 @7[R0]
add R1 R1 R2
add R0 R0 1
jmp LOOP
EXIT:
set M3 -5
"""
PAIR = """
# NETQASM 1.0
# APPID 0
array 10 @0
array 1 @1
array 20 @2
store 0 @1[0]
store 0 @2[0]
store 1 @2[1]
{request}
wait_all @0[0:10]
set Q0 0
meas Q0 M0
qfree Q0
array 1 @3
store M0 @3[0]
ret_arr @3
"""


class Node(Program):
    def __init__(self, name: str, peer: str, request: str) -> None:
        self.name, self.peer, self.request = name, peer, request

    @property
    def meta(self) -> ProgramMeta:
        return ProgramMeta(self.name, csockets=[], epr_sockets=[self.peer], max_qubits=1)

    def run(self, context: ProgramContext) -> Generator[EventExpression, None, dict]:
        connection = context.connection
        assert connection.shared_memory is None
        yield from connection.commit_protosubroutine(parse_text_protosubroutine(COUNT))
        memory = connection.shared_memory
        assert memory.get_array(7) == [0, 1, 4, 9]  # without any ret_arr
        assert memory.get_array_part(7, slice(1, 3)) == [1, 4]
        assert memory.get_array_value(7, 3) == 9 and memory.get_array_values(7, 0, 2) == [0, 1]
        assert memory.get_array_part(99, 0) is None
        assert memory.get_register("R1") == 14 and memory.get_reg_value("M3") == -5
        try:
            memory.get_array(99)
        except IndexError:
            pass
        else:
            raise AssertionError("there is no array 99")
        text = PAIR.replace("{request}", self.request)
        yield from connection.commit_protosubroutine(parse_text_protosubroutine(text))
        return {"m": memory.get_array(3)[0], "register": memory.get_register("M0"), "app": context.app_id}


def expect() -> None:
    network = StackNetworkConfig(
        stacks=[StackConfig.perfect_generic_config("a"), StackConfig.perfect_generic_config("b")],
        links=[LinkConfig.perfect_config("a", "b")],
    )
    programs = {
        "a": Node("a", "b", "create_epr(1,0) 1 2 0"),
        "b": Node("b", "a", "recv_epr(0,0) 1 0"),
    }
    of_a, of_b = run(network, programs, num_times=20)
    assert [r["m"] for r in of_a] == [r["m"] for r in of_b] == [r["register"] for r in of_a]
    assert len({r["m"] for r in of_a}) == 2
    assert [r["app"] for r in of_b] == list(range(20))


if __name__ == "__main__":
    expect()
