"""Strategies for the values that programs send."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

integers = st.integers(-(2**63), 2**64 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.one_of(
    st.none(), st.booleans(), integers, st.floats(allow_nan=False), texts, st.binary(max_size=12)
)


def _containers(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(items, max_size=4),
        st.lists(items, max_size=4).map(tuple),
        st.dictionaries(st.one_of(texts, integers), items, max_size=4),
    )


values: st.SearchStrategy[Any] = st.recursive(scalars, _containers, max_leaves=20)


def shape(value: Any) -> Any:
    """`value` with the type of every part made visible, because 1 == True == 1.0 and () is not []."""
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [shape(item) for item in value]
    if isinstance(value, dict):
        return type(value).__name__, [(shape(key), shape(item)) for key, item in value.items()]
    return type(value).__name__, repr(value)
