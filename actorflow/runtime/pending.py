"""The calls of a dynamic node that have not ended, as the node sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from actorflow.runtime.nodeloop import NodeTimer


class Pending:
    """A call whose end somebody waits for."""

    __slots__ = ("address", "detached", "future", "number", "waiters")

    def __init__(self, number: str, address: str, future: asyncio.Future[Any]) -> None:
        self.number = number
        self.address = address
        self.future = future
        self.waiters = 0
        self.detached = False

    @property
    def awaitable(self) -> asyncio.Future[Any]:
        """What to wait for; whoever leaves a call that may be shared leaves others."""
        return asyncio.shield(self.future) if self.number[0] == ":" else self.future


Open = Pending | NodeTimer
"""A call that has not ended: one that is awaited, or a timer."""


class AllPending:
    """Those of one node, by number, in the order in which they were made.

    A node that waits mostly does so for one, and a mapping of one takes as much memory
    as the node's coroutine; so there is none before there are two.
    """

    __slots__ = ("_more", "_only")

    def __init__(self) -> None:
        self._only: Open | None = None
        self._more: dict[str, Open] | None = None

    def __bool__(self) -> bool:
        return self._only is not None or self._more is not None

    def __iter__(self) -> Iterator[Open]:
        """Walk over those that are there now; they may end meanwhile."""
        only = [] if self._only is None else [self._only]
        return iter([*only, *(self._more or {}).values()])

    def get(self, number: str) -> Open | None:
        """Return the call of that number, unless it has ended."""
        only = self._only
        if only is not None and only.number == number:
            return only
        return None if self._more is None else self._more.get(number)

    def awaited(self, number: str) -> Pending | None:
        """Return the call of that number, if it is there to be awaited."""
        found = self.get(number)
        return found if isinstance(found, Pending) else None

    def add(self, pending: Open) -> None:
        """Take in a new one."""
        if not self:
            self._only = pending
            return
        if self._more is None:
            self._more = {}
        self._more[pending.number] = pending

    def drop(self, pending: Open) -> None:
        """Forget one, if it is there."""
        if self._only is pending:
            self._only = None
        elif self._more is not None and self.get(pending.number) is pending:
            del self._more[pending.number]
            self._more = self._more or None
