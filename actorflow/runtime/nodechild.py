"""What a dynamic node holds of an execution that it has started."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Protocol


class ChildHost(Protocol):
    """What carries a handle's wishes out: with awaitables, or with results."""

    def end_of(self, pending: Any) -> Any:
        """Return what a started child gives."""
        ...

    def tell_child(
        self, child: ChildHandle, command: str, data: Mapping[str, Any]
    ) -> Any:
        """Hand the child a command."""
        ...


class ChildHandle:
    """An execution that a dynamic node has started.

    In an ``async def`` node what its methods return is awaited; in a ``def`` node they
    block. The handle itself may be awaited too, which gives it at once.

    Attributes:
        id: of the execution; it follows from that of its parent and from where it was
            started.
        address: of the activation that stands for it in its parent.
    """

    def __init__(self, host: ChildHost, execution_id: str, pending: Any) -> None:
        self._host = host
        self._pending = pending
        self.id = execution_id
        self.address: str = pending.address

    def __repr__(self) -> str:
        return f"<ChildHandle {self.id!r}>"

    def __await__(self) -> Generator[Any, None, ChildHandle]:
        yield from ()  # nothing is waited for
        return self

    def hosted(self, host: ChildHost) -> ChildHandle:
        """Return the same handle for another host."""
        return ChildHandle(host, self.id, self._pending)

    def result(self) -> Any:
        """Wait for the child's end; return its output.

        Who is cancelled while he waits leaves the child at work.

        Raises:
            NodeFailed: it failed, or was cancelled; `.cause.execution` is its id.
        """
        return self._host.end_of(self._pending)

    def signal(self, topic: str, payload: Any = None, *, key: str | None = None) -> Any:
        """Send it a signal, once, however often the node is replayed.

        Raises:
            NodeFailed: it has ended already.
        """
        data = {"topic": topic, "payload": payload, "key": key}
        return self._host.tell_child(self, "signal", data)

    def cancel(self, reason: str | None = None, *, compensate: bool = False) -> Any:
        """Cancel it; one that has ended stays as it is."""
        data = {"reason": reason, "compensate": compensate or None}
        return self._host.tell_child(self, "cancel", data)
