"""What an address says of its place."""

from __future__ import annotations

import pytest

from actorflow.model.addresses import call_number, item_key, parent_of


@pytest.mark.parametrize(
    ("address", "parent"),
    [
        ("main", ""),
        ("main-1", ""),
        ("main/enrich", "main"),
        ("main/enrich[3]", "main/enrich"),
        ("main/enrich[3][x]", "main/enrich[3]"),
        ("main/crawl/fetch#2", "main/crawl"),
        ("main/refine@4", "main/refine"),
        ("main/refine@4/main", "main/refine@4"),
        ("main/refine@4[2]", "main/refine@4"),
        ("main/x@/y", "main/x@"),
        ("undo#7", ""),
    ],
)
def test_an_address_lies_in_another(address: str, parent: str) -> None:
    """Items in their map, iterations in their loop, all else before the last slash."""
    assert parent_of(address) == parent


def test_calls_and_items_are_told_by_their_ends() -> None:
    """By a number, or by the key that was given."""
    assert call_number("main/crawl/fetch#2") == "2"
    assert call_number("main/crawl/fetch:home#1") == "1"
    assert call_number("main/crawl/fetch:home") == ":home"
    assert call_number("main/a:/f:home") == ":home"
    assert item_key("main/enrich[3]") == "3"
    assert item_key("main/enrich[3][x]") == "x"
