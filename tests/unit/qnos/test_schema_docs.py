"""The reference pages made from the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from netqasm_isa import INSTRUCTIONS
from qnos import fields, schema_docs
from qnos.config import NetworkFile
from qnos.workload import Arrival, Entry, WorkloadFile


def test_every_instruction_is_on_its_page() -> None:
    page = schema_docs.instructions()
    assert all(f"| `{row.mnemonic}` | {row.opcode} |" in page for row in INSTRUCTIONS)


def test_fields_show_range_default_and_meaning() -> None:
    page = schema_docs.configuration()
    assert "| `fidelity` | a number from 0.25 to 1 | required | fidelity of the heralded pair |" in page
    assert "| `num_qubits` | an integer from 1 to 1024 | 2 | number of qubits; all can be entangled |" in page
    assert "| `cnpu.submit_first_ns` | 0 | 1_500_000 |" in page


def test_page_of_workloads_has_every_field_of_the_file() -> None:
    page = schema_docs.workloads()
    for schema in (WorkloadFile, Entry, Arrival):
        for name in schema.__struct_fields__:
            assert f"| `{name}` |" in page
    assert "| `app` | text | required |" in page
    assert "| `arrival` | a mapping of times_ns, every_ns" in page and "| its defaults |" in page


def test_every_field_of_every_schema_is_described() -> None:
    pages = schema_docs.configuration() + schema_docs.workloads()
    rows = [line.split(" | ") for line in pages.splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    undescribed = [row[0] for row in rows if not row[-1].removesuffix(" |").strip()]
    assert undescribed == []


def test_cells_cannot_break_the_table() -> None:
    lines = [line for line in schema_docs.configuration().splitlines() if line.startswith("| `init_ns`")]
    assert lines
    assert all("\\|0>" in line for line in lines)


def test_check_mode_writes_nothing_and_notices_a_stale_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schema_docs.main([str(tmp_path), "--check"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert schema_docs.main([str(tmp_path)]) == 0
    assert schema_docs.main([str(tmp_path), "--check"]) == 0
    (tmp_path / "instructions.md").write_text("old")
    capsys.readouterr()
    assert schema_docs.main([str(tmp_path), "--check"]) == 1
    assert "instructions.md differs from the code" in capsys.readouterr().err


def test_a_path_into_a_schema_finds_the_field() -> None:
    row = fields.find(NetworkFile, ("nodes", 0, "name"))
    assert row is not None
    assert row.description == "unique name of the node; not world"
    assert fields.find(NetworkFile, ("nodes", 0, "colour")) is None
