"""Finds the dynamic node that holds everything up: it blocks where it should await.

A node's code runs in the turn of its actor. While it blocks (`time.sleep`, a socket, a
loop that computes) no other actor has a turn; so it is named, with its stack, and
another thread takes turns instead, until it comes back. That is found out by looking
from time to time, so a node that does not block pays nothing for it. Real time is what
this is about, also where all other time is virtual.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from threading import get_ident
from types import FrameType
from typing import TYPE_CHECKING, Any

from actorflow.actors.clock import SystemClock
from actorflow.runtime.nodeloop import NodeLoop
from actorflow.runtime.nodeplace import is_users

if TYPE_CHECKING:
    from actorflow.actors.ref import PooledRef
    from actorflow.runtime.run import Run, RunActor

logger = logging.getLogger(__name__)

Inside = tuple["RunActor", int]
"""Whose code is being run, and on which thread; a new one every time."""


class Away:
    """An execution one of whose nodes blocks; its other actors wait for that.

    They share its state, and a turn is whole to all of them.
    """

    def __init__(self, run: Run, thread: int, back: Callable[[], None]) -> None:
        self._run = run
        self._thread = thread
        self._back = back
        self._decided = threading.Event()
        self._come_back: Callable[[], None] | None = None
        self._deferred: list[tuple[PooledRef[Any], Any]] = []

    def decide(self, come_back: Callable[[], None] | None) -> None:
        """Tell the node's thread whether another one has taken its place.

        If so, *come_back* waits until that makes way.
        """
        self._come_back = come_back
        self._decided.set()

    def defers(self, ref: PooledRef[Any], message: Any) -> bool:
        """Keep a message for an actor of the execution until the node is back."""
        if get_ident() == self._thread:
            return False
        self._deferred.append((ref, message))
        return True

    def end(self) -> None:
        """Go on with the engine, when the other thread has made way for that."""
        self._decided.wait()
        if self._come_back is not None:
            self._come_back()
        self._run.away = None
        self._back()
        for ref, message in self._deferred:
            ref.put(message)


class Watchdog:
    """Looks from a thread of its own which node is being run, and for how long.

    Args:
        after: seconds, of real time, after which a node is taken to block.
        relieve: lets another thread of the dispatcher take the place of one, of which
            the ident is given.
        now: the real time, in seconds.
    """

    def __init__(
        self,
        after: float,
        relieve: Callable[[int], Callable[[], None] | None],
        now: Callable[[], float] = SystemClock.monotonic,
    ) -> None:
        self._after = after
        self._relieve = relieve
        self._now = now
        self._inside: Inside | None = None
        self._seen: Inside | None = None
        self._since = 0.0
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._blocking: set[RunActor] = set()

    # -- called in every turn of every node --------------------------------------------

    def enter(self, actor: RunActor) -> None:
        """The code of *actor* is about to be run on this thread."""
        self._inside = (actor, get_ident())
        if self._thread is None:
            self._start()

    def leave(self, actor: RunActor) -> None:
        """It has given way."""
        self._inside = None
        if actor.run.away is not None:
            actor.run.away.end()
            self._inside = None

    def _came_back(self, actor: RunActor) -> None:
        self._blocking.discard(actor)
        self.enter(actor)  # it may block once more

    # -- looking -----------------------------------------------------------------------

    def _start(self) -> None:
        self._thread = threading.Thread(
            target=self._keep_looking, name="actorflow-watchdog", daemon=True
        )
        self._thread.start()

    def _keep_looking(self) -> None:
        while not self._closed.wait(self._after / 2):
            self.look()

    def close(self) -> None:
        """Look no more; let nobody wait for the end of what blocks."""
        self._closed.set()
        for actor in list(self._blocking):
            actor.actor_ref.disown()

    def look(self) -> None:
        """See whether the node that is being run is the one that was before."""
        inside, now = self._inside, self._now()
        if inside is None or inside is not self._seen:
            self._seen, self._since = inside, now
        elif now - self._since >= self._after:
            self._relieved(inside, now - self._since)

    def _relieved(self, inside: Inside, seconds: float) -> None:
        """Let another thread go on, if the node's is not in the engine right now."""
        actor, thread = inside
        back = partial(self._came_back, actor)
        away = actor.run.away = Away(actor.run, thread, back)
        # From here on, whatever the node asks of the engine has to wait for `decide`.
        frame = sys._current_frames().get(thread)  # noqa: SLF001 - it is documented
        if self._inside is not inside or frame is None or not is_users(frame):
            actor.run.away = None
            away.decide(None)
            return
        stack = _stack(frame)
        self._blocking.add(actor)
        self._inside = None
        away.decide(self._relieve(thread))
        logger.warning(
            "%s of execution %s has blocked for %.1f s; everything else goes on "
            "without it. What blocks belongs into an activity: `await ctx.run(...)`. "
            "It is here:\n%s",
            actor.address,
            actor.run.id,
            seconds,
            stack,
        )


def _stack(frame: FrameType) -> str:
    """Return what a thread has called since the engine let it run the node."""
    frames: list[tuple[FrameType, int]] = []
    for each, line in traceback.walk_stack(frame):
        if each.f_code is NodeLoop.run_ready.__code__:
            break
        frames.append((each, line))
    shown = [each for each in reversed(frames) if is_users(each[0])]
    return "".join(traceback.StackSummary.extract(shown).format())
