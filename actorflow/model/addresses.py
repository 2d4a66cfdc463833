"""Addresses: what they say of the place of an activation."""

from __future__ import annotations

UNDO = "undo#"
"""Where the addresses of compensating activations begin."""


def parent_of(address: str) -> str:
    """Return the address of the branch or activation that *address* lies in."""
    if address[-1] == "]":
        return address[: address.rindex("[")]
    slash = address.rfind("/")
    at = address.find("@", slash + 1)
    return address[: at if at >= 0 else max(slash, 0)]


def call_number(address: str) -> str:
    """Return which call of its node an address stands for: ``2``, or ``:key``."""
    last = address[address.rindex("/") + 1 :]
    _, mark, number = last.rpartition("#")
    return number if mark else last[last.index(":") :]


def item_key(address: str) -> str:
    """Return the k of ``...[k]``."""
    return address[address.rindex("[") + 1 : -1]
