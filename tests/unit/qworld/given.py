"""Numbers as they are given somewhere: equal if all the digits are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest


def as_given(digits: str) -> Any:
    """Equal to a published number in every digit of it."""
    exponent = Decimal(digits).as_tuple().exponent
    assert isinstance(exponent, int)
    return pytest.approx(float(digits), rel=0, abs=0.501 * 10.0**exponent)
