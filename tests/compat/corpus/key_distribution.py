"""QKD.

Without noise both ends have one key; on Werner pairs a test bit differs with probability (1 - w)/2.
"""

import math

from _short import Short, mean, werner
from squidasm.run.stack.run import run
from squidasm.util.qkd_routine import QKDRoutine

PAIRS, TESTS = 60, 12


def party(peer: str, first: bool, tests):
    def body(context):
        return (yield from QKDRoutine.run(context, peer, first, PAIRS, tests))

    return Short(body, [peer], max_qubits=1)


def distributed(fidelity: float, times: int, tests=TESTS) -> list:
    programs = {"Alice": party("Bob", True, tests), "Bob": party("Alice", False, tests)}
    return list(zip(*run(werner(fidelity), programs, num_times=times)))


def expect() -> None:
    for (key, error), (other, same) in distributed(1.0, 2, None):
        assert key == other and error == same == 0
        assert abs(len(key) + PAIRS // 4 - PAIRS / 2) < 5 * math.sqrt(PAIRS / 4)
    errors = [error for (_, error), _ in distributed(0.85, 5)]
    assert abs(mean(errors) - 0.1) < 5 * math.sqrt(0.09 / (5 * TESTS))


if __name__ == "__main__":
    expect()
