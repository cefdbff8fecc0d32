"""What holds from one iteration to the next.

The program object, application numbers, nothing of memory; results are in the order of the network,
whatever that of the programs.
"""

from _short import two
from netqasm.sdk.connection import BaseNetQASMConnection
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.run import run
from squidasm.sim.stack.program import Program, ProgramContext, ProgramMeta


class Counting(Program):
    def __init__(self) -> None:
        self.count = 0
        self.asked = 0

    @property
    def meta(self) -> ProgramMeta:
        self.asked += 1
        return ProgramMeta(name=f"counting{self.asked}", csockets=["Alice"], epr_sockets=[], max_qubits=1)

    def run(self, context: ProgramContext):
        self.count += 1
        connection = context.connection
        assert isinstance(connection, BaseNetQASMConnection)
        assert connection.app_name == connection.node_name and connection.app_name.startswith("counting")
        assert connection.app_id == context.app_id == self.count - 1
        assert list(context.csockets) == ["Alice"] and context.epr_sockets == {}
        with connection as nothing:
            assert nothing is None
            q = Qubit(connection)
            q.X()
            m = q.measure()
        connection.flush()  # without `yield from`: nothing happens
        assert connection.shared_memory is None
        yield from connection.flush()
        memory = connection.shared_memory
        memory.set_register("R7", 12)
        assert memory.get_register("R7") == 12 and memory.get_register("R8") is None
        memory.init_new_array(50, 3)
        memory.set_array_part(50, slice(0, 2), [4, 5])
        assert memory.get_array(50) == [4, 5, None]
        q = Qubit(connection)
        yield from connection.flush()
        assert memory.phys_id_for(q.qubit_id) == 0 and memory.virt_id_for(0) == q.qubit_id
        return {"count": self.count, "m": m}  # the qubit is not freed: that is done with the application


class Plain(Program):
    @property
    def meta(self) -> ProgramMeta:
        return ProgramMeta("plain", [], [], 1)

    def run(self, context: ProgramContext):
        return {"plain": True}


def expect() -> None:
    counting = Counting()
    results = run(two(num_qubits=1), {"Bob": counting}, num_times=3)
    assert results == [[], [{"count": k, "m": 1} for k in (1, 2, 3)]]
    assert run(two(), {"Alice": Plain(), "Bob": Plain()}) == [[{"plain": True}]] * 2
    assert run(two(), {"Alice": Plain()}, num_times=0) == [[], []]
    assert run(two(), {}) == [[], []]


if __name__ == "__main__":
    expect()
