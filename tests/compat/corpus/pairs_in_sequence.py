"""Many pairs through few qubits: sequential requests with a post routine, contexts, and pairs kept together;
halves of Phi+ agree."""

from _short import pair, two
from squidasm.run.stack.run import run

N = 10


def post(array):
    def routine(conn, q, index) -> None:
        q.H()
        q.measure(future=array.get_future_index(index))

    return routine


def with_routine(peer: str, call: str):
    def program(context):
        outcomes = context.connection.new_array(N)
        request = getattr(context.epr_sockets[peer], call)
        request(number=N, sequential=True, post_routine=post(outcomes))
        yield from context.connection.flush()
        return outcomes

    return program


def with_context(peer: str, call: str):
    def program(context):
        outcomes = context.connection.new_array(N)
        with getattr(context.epr_sockets[peer], call)(number=N, sequential=True) as (q, index):
            q.measure(future=outcomes.get_future_index(index))
        yield from context.connection.flush()
        return outcomes

    return program


def together(peer: str, call: str):
    def program(context):
        qubits = getattr(context.epr_sockets[peer], call)(number=4)
        outcomes = [q.measure() for q in qubits]
        yield from context.connection.flush()
        return [int(m) for m in outcomes], qubits[0].remote_entangled_node

    return program


def with_info(peer: str, call: str):
    def program(context):
        (q,), (info,) = getattr(context.epr_sockets[peer], call)(number=1)
        m = q.measure()
        yield from context.connection.flush()
        return int(m), int(info.remote_node_id), int(info.generation_duration), int(info.raw_bell_state)

    return program


def expect() -> None:
    for make, create, recv, qubits in (
        (with_routine, "create_keep", "recv_keep", 1),
        (with_context, "create_context", "recv_context", 1),
        (with_routine, "create_keep", "recv_keep", 3),
    ):
        (of_alice,), (of_bob,) = run(two(), pair(make("Bob", create), make("Alice", recv), max_qubits=qubits))
        assert of_alice == of_bob and set(of_alice) == {0, 1}
    (of_alice,), (of_bob,) = run(two(), pair(together("Bob", "create_keep"), together("Alice", "recv_keep")))
    assert of_alice[0] == of_bob[0]
    assert (of_alice[1], of_bob[1]) == ("Bob", "Alice")
    (of_alice,), (of_bob,) = run(
        two(), pair(with_info("Bob", "create_keep_with_info"), with_info("Alice", "recv_keep_with_info"))
    )
    assert of_alice[0] == of_bob[0] and of_alice[1:] == (1, 1, 0) and of_bob[1:] == (0, 1, 0)


if __name__ == "__main__":
    expect()
