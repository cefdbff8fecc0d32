"""The CHSH game on pairs that are measured directly."""

from __future__ import annotations

import math

import pytest

import qnos
from qnos.results import RunResult
from qnos.testing import assert_within
from qruntime.errors import ConfigError

WERNER = "two_generic_werner"
BEST = (2 + math.sqrt(2)) / 4


def games(result: RunResult) -> list[tuple[int, int, int, int]]:
    """(x, y, a, b) of every shot."""
    alice, bob = result.results["alice"], result.results["bob"]
    return list(zip(alice["x"], bob["y"], alice["a"], bob["b"], strict=True))


def test_perfect_pairs_reach_the_quantum_bound_and_beat_the_classical_one() -> None:
    """N = 1500, seed 1, 4 sigma."""
    metrics = qnos.run("chsh", "perfect", shots=1500, seed=1).metrics
    assert metrics["win"].expected == pytest.approx(BEST)
    assert metrics["S"].expected == pytest.approx(2 * math.sqrt(2))
    assert_within(metrics["win"])
    assert_within(metrics["S"])
    assert metrics["S"].mean - 4 * metrics["S"].stderr > 2


@pytest.mark.parametrize("random_bell_state", [False, True])
def test_each_pair_of_questions_is_as_frequent_and_as_easy_as_the_others(random_bell_state: bool) -> None:
    """N = 2000, seed 2, 4 sigma. On a link that heralds any Bell state the correction flips bits and
    exchanges Bob's two bases; both questions and answers must come out right."""
    values = {"links.*.fidelity": 1, "links.*.random_bell_state": random_bell_state}
    result = qnos.run("chsh", WERNER, shots=2000, seed=2, values=values)
    for x in (0, 1):
        for y in (0, 1):
            won = [a ^ b == x & y for at_x, at_y, a, b in games(result) if (at_x, at_y) == (x, y)]
            assert abs(len(won) - 500) < 4 * math.sqrt(2000 * 3 / 16), (x, y)
            assert abs(sum(won) / len(won) - BEST) < 4 * math.sqrt(BEST * (1 - BEST) / len(won)), (x, y)


def test_werner_pairs_win_less() -> None:
    """N = 2000, seed 3, 4 sigma: F = 0.8 gives S = 2.07418 and P(win) = 0.75927."""
    metrics = qnos.run("chsh", WERNER, shots=2000, seed=3, values={"links.*.fidelity": 0.8}).metrics
    assert metrics["S"].expected == pytest.approx(2.07417989)
    assert metrics["win"].expected == pytest.approx(0.75927249)
    assert_within(metrics["S"])
    assert_within(metrics["win"])


def test_answers_alone_tell_nothing_of_the_other_question() -> None:
    """N = 2000, seed 4, 4 sigma: Bob's answer is a fair coin whatever Alice was asked, and the reverse."""
    result = qnos.run("chsh", "perfect", shots=2000, seed=4)
    for question, answer in ((0, 3), (1, 2)):
        for value in (0, 1):
            answers = [game[answer] for game in games(result) if game[question] == value]
            assert abs(sum(answers) - len(answers) / 2) < 4 * math.sqrt(len(answers)) / 2


def test_noisy_devices_have_no_closed_form_here() -> None:
    metrics = qnos.run("chsh", "two_generic", shots=3).metrics
    assert metrics["S"].expected is metrics["win"].expected is None


def test_same_seed_gives_same_results() -> None:
    one, two, other = (qnos.run("chsh", "two_generic", shots=30, seed=seed).results for seed in (5, 5, 6))
    assert one == two != other


def test_nodes_without_a_link_cannot_play() -> None:
    result = qnos.run("chsh", "line3", shots=1, placement={"alice": "alice", "bob": "charlie"})
    assert "no entanglement link from alice to charlie, where bob runs" in result.errors[0].message


def test_it_has_no_inputs() -> None:
    with pytest.raises(ConfigError, match="role bob has no input 'y'"):
        qnos.run("chsh", "perfect", shots=1, inputs={"bob": {"y": 1}})
