"""Definitions that worker processes of the tests have."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import actorflow as af


@af.activity
def greet(name: str) -> str:
    """Say hello."""
    return f"hello {name}"


@af.activity
def hold(directory: str, n: int) -> int:
    """Tell that it runs, and stay until it is told to go."""
    place = Path(directory)
    (place / f"began-{n}").touch()
    while not (place / "go").exists():
        Event().wait(0.01)
    return n


greeting = af.Flow("greeting", inputs=["name"]).then(greet).output("greet").build()
holding = (
    af.Flow("holding", inputs=["directory", "n"]).then(hold).output("hold").build()
)
later = (
    af.Flow("later", inputs=["name"])
    .sleep(0.2)
    .wait_signal("go")
    .then(greet)
    .output("greet")
    .build()
)
