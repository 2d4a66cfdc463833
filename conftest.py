"""Python blocks in README.md and docs/ are tests: this makes pytest run them."""

from __future__ import annotations

import contextlib
import tempfile
from typing import Any

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser


def enter_scratch_directory(namespace: dict[str, Any]) -> None:
    """Run the blocks of one document where they may leave files behind."""
    scratch = contextlib.ExitStack()
    directory = scratch.enter_context(tempfile.TemporaryDirectory())
    scratch.enter_context(contextlib.chdir(directory))
    namespace["_scratch"] = scratch


def leave_scratch_directory(namespace: dict[str, Any]) -> None:
    """Remove what the document's blocks have written."""
    namespace["_scratch"].close()


# One document is one story: its blocks share a namespace, from top to bottom.
pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/**/*.md"],
    setup=enter_scratch_directory,
    teardown=leave_scratch_directory,
).pytest()
