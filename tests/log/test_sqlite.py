"""The log in an SQLite file keeps the contract, and what only a file can promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actorflow.log.sqlite import SQLiteLog
from actorflow.testing.log_contract import EventLogContract, OpenLog


class TestSQLiteLog(EventLogContract):
    """The log in a file keeps the contract."""

    @pytest.fixture
    def open_log(self, tmp_path: Path) -> OpenLog:
        """Open one file again and again."""

        def open_log(**options: Any) -> SQLiteLog:
            return SQLiteLog(tmp_path / "log.db", **options)

        return open_log
