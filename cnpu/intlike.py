"""What makes an object with an int behind it behave like that int: every operator goes through `int()`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any


class IntLike(ABC):
    """Formats, compares and calculates as its int does; whatever `int()` raises, these raise."""

    __slots__ = ()

    @abstractmethod
    def __int__(self) -> int:
        """The int."""

    def __str__(self) -> str:
        return str(int(self))

    def __format__(self, spec: str) -> str:
        return format(int(self), spec)

    def __hash__(self) -> int:
        return hash(int(self))

    def __bool__(self) -> bool:
        return int(self) != 0

    def __float__(self) -> float:
        return float(int(self))

    def __eq__(self, other: object) -> bool:
        return int(self) == other

    def __ne__(self, other: object) -> bool:
        return int(self) != other

    def __lt__(self, other: Any) -> Any:
        return int(self) < other

    def __le__(self, other: Any) -> Any:
        return int(self) <= other

    def __gt__(self, other: Any) -> Any:
        return int(self) > other

    def __ge__(self, other: Any) -> Any:
        return int(self) >= other

    def __add__(self, other: Any) -> Any:
        return int(self) + other

    def __radd__(self, other: Any) -> Any:
        return other + int(self)

    def __sub__(self, other: Any) -> Any:
        return int(self) - other

    def __rsub__(self, other: Any) -> Any:
        return other - int(self)

    def __mul__(self, other: Any) -> Any:
        return int(self) * other

    def __rmul__(self, other: Any) -> Any:
        return other * int(self)

    def __truediv__(self, other: Any) -> Any:
        return int(self) / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / int(self)

    def __floordiv__(self, other: Any) -> Any:
        return int(self) // other

    def __rfloordiv__(self, other: Any) -> Any:
        return other // int(self)

    def __mod__(self, other: Any) -> Any:
        return int(self) % other

    def __rmod__(self, other: Any) -> Any:
        return other % int(self)

    def __divmod__(self, other: Any) -> Any:
        return divmod(int(self), other)

    def __rdivmod__(self, other: Any) -> Any:
        return divmod(other, int(self))

    def __pow__(self, other: Any) -> Any:
        return int(self) ** other

    def __rpow__(self, other: Any) -> Any:
        return other ** int(self)

    def __and__(self, other: Any) -> Any:
        return int(self) & other

    def __rand__(self, other: Any) -> Any:
        return other & int(self)

    def __or__(self, other: Any) -> Any:
        return int(self) | other

    def __ror__(self, other: Any) -> Any:
        return other | int(self)

    def __xor__(self, other: Any) -> Any:
        return int(self) ^ other

    def __rxor__(self, other: Any) -> Any:
        return other ^ int(self)

    def __lshift__(self, other: Any) -> Any:
        return int(self) << other

    def __rlshift__(self, other: Any) -> Any:
        return other << int(self)

    def __rshift__(self, other: Any) -> Any:
        return int(self) >> other

    def __rrshift__(self, other: Any) -> Any:
        return other >> int(self)

    def __neg__(self) -> int:
        return -int(self)

    def __pos__(self) -> int:
        return int(self)

    def __abs__(self) -> int:
        return abs(int(self))

    def __invert__(self) -> int:
        return ~int(self)

    def __trunc__(self) -> int:
        return math.trunc(int(self))

    def __round__(self, digits: int | None = None) -> int:
        return round(int(self), digits) if digits is not None else int(self)
