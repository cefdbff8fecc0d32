"""A run on the calibration of a result is the run again."""

from __future__ import annotations

from pathlib import Path

import pytest

import qnos
from qnos import calibration

# Values that are no defaults; with T1 infinite, which JSON has no number for.
VALUES = {
    "links.*.fidelity": 0.8123456789012345,
    "nodes.alice.device.t1_ns": float("inf"),
    "nodes.bob.device.readout_error_0": 0.03,
    "os.cnpu.submit_ns": 123_457,
    "testing.jitter_ns": 5_000,
}


@pytest.mark.parametrize("processes", [False, True])
def test_rerun_on_the_calibration_of_a_result_repeats_it_bit_for_bit(tmp_path: Path, processes: bool) -> None:
    first = qnos.run("teleport", "two_generic", shots=8, seed=11, values=VALUES, trace=True)
    saved = first.save(tmp_path)
    snapshot = calibration.save(saved, tmp_path / "s.yaml")
    for source in (first, saved, snapshot)[-1 if processes else 0 :]:
        again = qnos.run(
            "teleport", calibration.load(source), shots=8, seed=11, trace=True, processes=processes
        )
        assert again.trace_sha256 == first.trace_sha256 is not None
        assert again.to_json_dict()["results"] == first.to_json_dict()["results"]
        assert again.calibration == first.calibration
    other = qnos.run("teleport", "two_generic", shots=8, seed=11, trace=True)
    assert other.trace_sha256 != first.trace_sha256
