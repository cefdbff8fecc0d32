"""`EventExpression`, which programs name in type hints."""

from __future__ import annotations


class EventExpression:
    """What generators of programs are said to yield. They never do: the program as a whole waits."""
