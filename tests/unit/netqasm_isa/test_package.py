"""The package as others see it."""

import json
import subprocess
import sys

import netqasm_isa


def test_everything_announced_exists() -> None:
    for name in netqasm_isa.__all__:
        assert getattr(netqasm_isa, name) is not None


def test_import_loads_nothing_but_the_standard_library_and_itself() -> None:
    script = (
        "import json, sys; before = set(sys.modules); import netqasm_isa;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in set(sys.modules) - before})))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    assert "netqasm_isa" in loaded
    assert loaded - {"netqasm_isa"} <= set(sys.stdlib_module_names)
