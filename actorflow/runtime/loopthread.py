"""Runs ``async def`` activities on one event loop, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from actorflow.runtime.jobs import Job


class AsyncExecutor:
    """Runs ``async def`` jobs as tasks of one event loop on one daemon thread."""

    def __init__(self, name: str = "actorflow-asyncio") -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._queue: deque[Callable[[], None]] = deque()
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._woken = False

    def submit(self, job: Job) -> None:
        """Hand *job* to the loop; what comes together crosses over together."""
        self._post(lambda: self._begin(job))

    def abandon(self, job: Job) -> None:
        """Cancel the job's task."""
        self._post(lambda: self._cancel(job))

    @property
    def busy(self) -> bool:
        """Whether anything runs now."""
        return bool(self._tasks or self._queue)

    def close(self) -> None:
        """Cancel every task and end the loop."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(self._shut_down, loop)
        if thread is not threading.current_thread():
            thread.join(timeout=5.0)

    def _post(self, call: Callable[[], None]) -> None:
        self._queue.append(call)
        if not self._woken:
            self._woken = True
            self._running_loop().call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._woken = False
        while self._queue:
            self._queue.popleft()()

    def _begin(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(job.run_async())
        self._tasks[job] = task
        task.add_done_callback(lambda _: self._tasks.pop(job, None))

    def _cancel(self, job: Job) -> None:
        task = self._tasks.get(job)
        if task is not None:
            task.cancel()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name=self._name, daemon=True
                )
                self._thread.start()
            return self._loop

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.close()

    def _shut_down(self, loop: asyncio.AbstractEventLoop) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        ending = asyncio.gather(*tasks, return_exceptions=True)
        ending.add_done_callback(lambda _: loop.stop())
        if not tasks:
            loop.stop()
