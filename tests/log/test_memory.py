"""The log in memory keeps the contract."""

from __future__ import annotations

from typing import Any

import pytest

from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.testing.log_contract import EventLogContract, OpenLog


class TestMemoryLog(EventLogContract):
    """The log in memory keeps the contract."""

    @pytest.fixture
    def open_log(self) -> OpenLog:
        """Open one store again and again."""
        store = MemoryStore()

        def open_log(**options: Any) -> MemoryLog:
            return MemoryLog(store=store, **options)

        return open_log
