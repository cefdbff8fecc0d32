"""What travels with the package: applications (`qnos.shipped.apps`) and configurations
(`qnos.shipped.configs`).

In a wheel both are directories here. In a checkout they stand at the top of the tree, where people edit
them, so the top is searched as well.
"""

from pathlib import Path

_HERE = Path(__file__).parent
_TOP = _HERE.parents[1]

if not (_HERE / "configs").is_dir() and (_TOP / "configs").is_dir():
    __path__.append(str(_TOP))
