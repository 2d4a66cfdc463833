"""Running programs.  Import it on purpose: who may name it may run anything."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from actorflow.errors import ActivityError
from actorflow.model.activities import activity

MAX_OUTPUT = 1024 * 1024


@activity
async def shell(
    command: str,
    args: Sequence[str] = (),
    *,
    directory: str | None = None,
    environment: Mapping[str, str] | None = None,
    input: str = "",
    check: bool = False,
    max_output: int = MAX_OUTPUT,
) -> dict[str, Any]:
    """Run a program; return ``exit_code``, ``ok``, ``stdout`` and ``stderr``.

    There is no shell in between: *args* reach the program as they are, and nothing in
    them is special. When the activity is timed out or cancelled, the program and what
    it has started are killed.

    Args:
        command: the program.
        args: what it is given.
        directory: where it runs.
        environment: added to that of this process.
        input: what it reads.
        check: fail with the type ``exit_code``, and the result as details, unless the
            program exits with 0.
        max_output: bytes of each stream that are kept, from its end.

    Raises:
        ActivityError: the program cannot be started, or as said above.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            command,
            *args,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError, TypeError) as error:
        problem = f"cannot start {command!r}: {error}"
        raise ActivityError(problem, type="not_started") from error
    try:
        outputs = await process.communicate(input.encode())
    except BaseException:
        await _kill(process)
        raise
    stdout, stderr = (o[-max_output:].decode(errors="replace") for o in outputs)
    code = process.returncode
    result = {"exit_code": code, "ok": code == 0, "stdout": stdout, "stderr": stderr}
    if check and code != 0:
        problem = f"{command!r} exited with {code}: {stderr.strip()[-500:]}"
        raise ActivityError(problem, type="exit_code", details=result)
    return result


async def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    while process.returncode is None:  # whoever cancels again has to wait as well
        with suppress(asyncio.CancelledError):
            await process.wait()
