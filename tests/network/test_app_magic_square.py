"""The magic square game on two pairs."""

from __future__ import annotations

import math

import pytest

import qnos
from qnos.results import RunResult
from qnos.testing import assert_within
from qruntime.errors import ConfigError

WERNER = "two_generic_werner"
JOINT = {(0, 2), (1, 2), (2, 0), (2, 1), (2, 2)}  # (row, column) whose observable has a factor on each pair


def games(result: RunResult) -> list[tuple[int, int, list[int], list[int]]]:
    """(row, column, Alice's bits, Bob's bits) of every shot."""
    alice, bob = result.results["alice"], result.results["bob"]
    return list(zip(alice["row"], bob["column"], alice["bits"], bob["bits"], strict=True))


@pytest.mark.parametrize("random_bell_state", [False, True])
def test_perfect_pairs_win_every_field(random_bell_state: bool) -> None:
    values = {"links.*.fidelity": 1, "links.*.random_bell_state": random_bell_state}
    result = qnos.run("magic_square", WERNER, shots=250, seed=1, values=values)
    assert result.metrics["win"].mean == result.metrics["win"].expected == 1
    assert len({(row, column) for row, column, _, _ in games(result)}) == 9


def test_answers_obey_the_rules_even_when_they_lose() -> None:
    result = qnos.run("magic_square", WERNER, shots=300, seed=2, values={"links.*.fidelity": 0.4})
    assert result.metrics["win"].mean < 1
    for _, _, a, b in games(result):
        assert sum(a) % 2 == 0
        assert sum(b) % 2 == 1


def test_answers_are_not_fixed_before() -> None:
    """Every allowed filling of each row and column comes up."""
    played = games(qnos.run("magic_square", "perfect", shots=400, seed=3))
    for line in range(3):
        assert len({tuple(a) for row, _, a, _ in played if row == line}) == 4
        assert len({tuple(b) for _, column, _, b in played if column == line}) == 4


def test_werner_pairs_win_less_in_fields_with_two_factors() -> None:
    """N = 2000, seed 4, 4 sigma: (1 + w)/2 in four fields, (1 + w^2)/2 in five, w = 2.6/3 for F = 0.9."""
    result = qnos.run("magic_square", WERNER, shots=2000, seed=4)
    w = 2.6 / 3
    assert result.metrics["win"].expected == pytest.approx(0.5 + (4 * w + 5 * w * w) / 18)
    assert_within(result.metrics["win"])
    for joint, correlation in ((False, w), (True, w * w)):
        won = [
            a[column] == b[row] for row, column, a, b in games(result) if ((row, column) in JOINT) is joint
        ]
        p = (1 + correlation) / 2
        assert abs(sum(won) / len(won) - p) < 4 * math.sqrt(p * (1 - p) / len(won))


def test_completely_mixed_pairs_win_half() -> None:
    """N = 1500, seed 5, 4 sigma."""
    metric = qnos.run("magic_square", WERNER, shots=1500, seed=5, values={"links.*.fidelity": 0.25}).metrics[
        "win"
    ]
    assert metric.expected == 0.5
    assert_within(metric)


def test_noise_of_two_qubit_gates_counts_in_their_row_and_column_only() -> None:
    """N = 1500, seed 6, 4 sigma: row 3 needs a CZ at Alice. D_p on both qubits takes a factor 1-p off each of
    the two values measured behind it, and off their product twice."""
    values = {"nodes.alice.device.two_qubit_gate_depolarise": 0.2}
    result = qnos.run("magic_square", "perfect", shots=1500, seed=6, values=values)
    assert result.metrics["win"].expected is None
    rows: dict[int, list[bool]] = {0: [], 1: [], 2: []}
    products: list[bool] = []
    for row, column, a, b in games(result):
        (products if (row, column) == (2, 2) else rows[row]).append(a[column] == b[row])
    assert all(rows[0]) and all(rows[1])
    for won, correlation in ((rows[2], 0.8), (products, 0.64)):
        p = (1 + correlation) / 2
        assert abs(sum(won) / len(won) - p) < 4 * math.sqrt(p * (1 - p) / len(won))


def test_same_seed_gives_same_results() -> None:
    one, two, other = (
        qnos.run("magic_square", "two_generic", shots=30, seed=seed).results for seed in (7, 7, 8)
    )
    assert one == two != other


def test_one_qubit_per_node_is_too_few() -> None:
    result = qnos.run("magic_square", "perfect", shots=1, values={"nodes.*.device.num_qubits": 1})
    assert result.errors[0].code == "EPR"
    assert "NORES" in result.errors[0].message


def test_it_has_no_inputs() -> None:
    with pytest.raises(ConfigError, match="role alice has no input 'row'"):
        qnos.run("magic_square", "perfect", shots=1, inputs={"alice": {"row": 1}})
