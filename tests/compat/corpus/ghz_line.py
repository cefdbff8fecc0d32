"""GHZ states over a line of four: with corrections all outcomes agree; without, flips add up."""

from _short import Short
from squidasm.run.stack.config import LinkConfig, StackConfig, StackNetworkConfig
from squidasm.run.stack.run import run
from squidasm.util.routines import create_ghz

NAMES = ["n0", "n1", "n2", "n3"]


def program(index: int, corrections: bool) -> Short:
    below = NAMES[index - 1] if index else None
    above = NAMES[index + 1] if index < 3 else None

    def node(context):
        kept, flip = yield from create_ghz(
            context.connection,
            down_epr_socket=context.epr_sockets.get(below),
            up_epr_socket=context.epr_sockets.get(above),
            down_socket=context.csockets.get(below),
            up_socket=context.csockets.get(above),
            do_corrections=corrections,
        )
        outcome = kept.measure()
        yield from context.connection.flush()
        return {"m": outcome, "flip": flip}

    return Short(node, [peer for peer in (below, above) if peer], max_qubits=2)


def expect() -> None:
    network = StackNetworkConfig(
        stacks=[StackConfig.perfect_generic_config(name) for name in NAMES],
        links=[LinkConfig.perfect_config(a, b) for a, b in zip(NAMES, NAMES[1:])],
    )
    results = run(network, {name: program(i, True) for i, name in enumerate(NAMES)}, num_times=12)
    outcomes = list(zip(*[[r["m"] for r in of] for of in results]))
    assert set(outcomes) == {(0, 0, 0, 0), (1, 1, 1, 1)}
    assert all(r["flip"] == 0 for of in results for r in of)

    results = run(network, {name: program(i, False) for i, name in enumerate(NAMES)}, num_times=12)
    for row in zip(*results):
        parity = 0
        for index, of in enumerate(row):
            assert of["m"] ^ parity == row[0]["m"]
            parity ^= of["flip"]
            assert index in (1, 2) or of["flip"] == 0
    try:
        next(create_ghz(None))
    except TypeError:
        pass
    else:
        raise AssertionError("a node with neither side is none")


if __name__ == "__main__":
    expect()
