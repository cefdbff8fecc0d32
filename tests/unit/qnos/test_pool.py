"""Work in processes: every outcome is taken, and Ctrl-C loses nothing that was finished."""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from qnos import pool
from qnos.pool import run_all


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes start afresh and must find the package."""
    monkeypatch.setenv("PYTHONPATH", str(Path(pool.__file__).parents[1]))


def test_results_and_errors_are_taken_each_with_its_index() -> None:
    taken: dict[int, Any] = {}
    run_all(math.sqrt, [4.0, -1.0, 9.0], 2, taken.__setitem__)
    assert (taken[0], taken[2]) == (2.0, 3.0)
    assert isinstance(taken[1], ValueError)
    assert sorted(taken) == [0, 1, 2]


def test_a_process_that_dies_is_an_error_of_its_item() -> None:
    taken: dict[int, Any] = {}
    run_all(os._exit, [3], 2, taken.__setitem__)
    assert type(taken[0]).__name__ == "BrokenProcessPool"


def test_interrupt_stops_what_is_under_way_and_keeps_what_is_done() -> None:
    taken: dict[int, Any] = {}

    def interrupted(index: int, outcome: Any) -> None:
        taken[index] = outcome
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_all(time.sleep, [0, 600, 600, 600, 600], 2, interrupted)
    assert taken == {0: None}
    assert time.monotonic() - began < 60  # far less than the work that was stopped


def test_a_thread_may_start_a_pool() -> None:
    taken: dict[int, Any] = {}
    with ThreadPoolExecutor(1) as threads:
        threads.submit(run_all, math.sqrt, [4.0, 9.0], 2, taken.__setitem__).result()
    assert taken == {0: 2.0, 1: 3.0}
