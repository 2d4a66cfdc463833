"""The command line: `actorflow`, or ``python -m actorflow``."""

from actorflow.cli.app import main

__all__ = ["main"]
