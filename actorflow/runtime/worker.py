"""What makes a runtime a worker: it takes executions from the queue of the log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from actorflow.errors import SettingError
from actorflow.model.misfits import several


def tag_set(tags: Iterable[Any]) -> frozenset[str]:
    """Return *tags* as a set.

    Raises:
        SettingError: they are one text, or something in them is no text.
    """
    given: Any = several(tags)
    if isinstance(given, tuple) and all(isinstance(t, str) and t for t in given):
        return frozenset(given)
    raise SettingError("tags", tags, "a list of texts that are not empty")


@frozen
class Worker:
    """How a runtime takes executions from the queue, and how many it runs at once.

    Attributes:
        concurrency: executions that run here at once, at most; those that rest (asleep,
            waiting, paused) do not count.
        tags: what this process has. It runs only executions none of whose tags is
            missing here; executions without tags run anywhere.
        max_attempts: how often a process may die while it runs an activity, until that
            activity fails for good, as `interrupted`.
    """

    concurrency: int = 10
    tags: frozenset[str] = field(default=frozenset(), converter=tag_set)
    max_attempts: int = 5

    def __attrs_post_init__(self) -> None:
        for name in ("concurrency", "max_attempts"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise SettingError(name, value, "at least 1")
