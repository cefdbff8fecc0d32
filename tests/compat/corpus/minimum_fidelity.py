"""`min_fidelity_all_at_end` makes all pairs again until the last took less than 100000 - 900 F us, F in
percent."""

from _short import pair, two
from squidasm.run.stack.config import DepolariseLinkConfig, LinkConfig
from squidasm.run.stack.run import run

CYCLE = 1_000_000  # ns: an attempt per millisecond
F = 100
LIMIT = 100_000 - 900 * F  # us: less than ten attempts


def program(peer: str, call: str):
    def body(context):
        outcomes = context.connection.new_array(1)

        def post(connection, q, index) -> None:
            q.measure(future=outcomes.get_future_index(index))

        (q,) = getattr(context.epr_sockets[peer], call)(
            number=1, sequential=True, post_routine=post, min_fidelity_all_at_end=F, max_tries=50
        )
        yield from context.connection.flush()
        return outcomes, q.entanglement_info.goodness

    return body


def expect() -> None:
    network = two()
    link = DepolariseLinkConfig(fidelity=1, prob_success=0.1, t_cycle=CYCLE)
    network.links = [LinkConfig(stack1="Alice", stack2="Bob", typ="depolarise", cfg=link)]
    creator, receiver = program("Bob", "create_keep"), program("Alice", "recv_keep")
    of_alice, of_bob = run(network, pair(creator, receiver), num_times=30)
    assert [r[0] for r in of_alice] == [r[0] for r in of_bob]
    assert all(1000 <= duration < LIMIT for _, duration in of_alice)
    assert max(duration for _, duration in of_alice) > 3000


if __name__ == "__main__":
    expect()
