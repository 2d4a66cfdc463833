"""Refusing settings that make no sense, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actorflow.errors import SettingError


def check_settings(settings: Mapping[str, tuple[Any, bool, str]]) -> None:
    """Raise `SettingError` for the first setting that has no meaning."""
    for name, (value, fine, allowed) in settings.items():
        if not fine:
            raise SettingError(name, value, allowed)
