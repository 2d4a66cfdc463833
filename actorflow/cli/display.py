"""Showing an execution while it moves: a picture that changes, or a line per step."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol, Self

from actorflow.cli import output
from actorflow.cli.opening import clock
from actorflow.cli.plain import lasting
from actorflow.cli.showing import details, error_name
from actorflow.model import events as ev
from actorflow.model.events import Recorded
from actorflow.model.timeline import Entry, Timeline

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.table import Table

    from actorflow.runtime.handle import ExecutionHandle

SHOWN = 16
"""Steps in the picture; those that are not over come first."""
TENTHS = 10


class Display(Protocol):
    """Is told every event, on any thread, and shows what it likes."""

    timeline: Timeline

    def take(self, recorded: Recorded) -> None:
        """Take in one event."""
        ...

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(self, *_: object) -> None:
        """Leave the last picture standing."""
        ...


class Feed:
    """Carries events to a display, in order and without gaps.

    The runtime tells of new events only, on a thread of its own; what was before comes
    from the log. The timeline leaves out what comes twice.
    """

    def __init__(self) -> None:
        self.id: str | None = None
        self._display: Display | None = None
        self._lock = threading.Lock()

    def take(self, execution_id: str, recorded: Recorded) -> None:
        """Take in an event as the runtime tells of it."""
        with self._lock:
            if self._display is not None and execution_id == self.id:
                self._display.take(recorded)

    def show_on(self, display: Display, handle: ExecutionHandle) -> None:
        """Show what has been so far, and from now on everything."""
        with self._lock:
            self.id, self._display = handle.id, display
            self._catch_up(handle)

    def catch_up(self, handle: ExecutionHandle) -> None:
        """Show what the log has and the runtime has not told of yet."""
        with self._lock:
            self._catch_up(handle)

    def _catch_up(self, handle: ExecutionHandle) -> None:
        if self._display is not None:
            for recorded in handle.history():
                self._display.take(recorded)


def display_for(execution_id: str, *, silent: bool) -> Display:
    """Return the display that fits whoever reads standard error."""
    if silent:
        return Silent()
    if output.is_terminal(err=True):
        return Picture(execution_id)
    return Lines()


class Silent:
    """Shows nothing."""

    def __init__(self) -> None:
        self.timeline = Timeline()

    def take(self, recorded: Recorded) -> None:
        """Take in one event."""
        self.timeline.take(recorded)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Lines(Silent):
    """Writes a line when a step begins, waits, fails or ends, and for every tenth."""

    def __init__(self) -> None:
        super().__init__()
        self._tenths: dict[str, int] = {}

    def take(self, recorded: Recorded) -> None:
        """Take in one event; write what is worth a line."""
        if recorded.seq <= self.timeline.version:
            return  # it has been told
        entry = self.timeline.take(recorded)
        text = self._line(entry, recorded) if entry else _whole_text(recorded.event)
        if text:
            started = self.timeline.started or recorded.time
            output.tell(f"+{recorded.time - started:.3f}s {text}")

    def _line(self, entry: Entry, recorded: Recorded) -> str | None:
        event, address = recorded.event, recorded.address
        if address != entry.address:
            return self._item_line(entry, address, event)
        text = _step_text(entry, event, lasting(entry.seconds(recorded.time)))
        return f"{address} {text}" if text else None

    def _item_line(self, entry: Entry, address: str, event: Any) -> str | None:
        if isinstance(event, ev.ActivationFailed):
            return f"{address} failed: {event.error.message}"
        over, total = entry.done + entry.failed, entry.total or 1
        tenth = over * TENTHS // total
        if over == total or tenth == self._tenths.get(entry.address, 0):
            return None
        self._tenths[entry.address] = tenth
        return f"{entry.address} {over} of {total} items"


def _whole_text(event: Any) -> str | None:
    match event:
        case ev.ExecutionPaused():
            where = f" on branch {event.branch}" if event.branch else ""
            return f"paused{where}" + (f": {event.reason}" if event.reason else "")
        case ev.ExecutionResumed():
            return "resumed"
        case ev.ExecutionRetried():
            return "retried"
        case ev.ExecutionRecovered():
            return "taken over from a process that died"
        case ev.ExecutionReleased():
            return "let go by a process that stopped"
        case _:
            return None


def _step_text(entry: Entry, event: Any, took: str) -> str | None:
    match event:
        case ev.ActivationStarted():
            items = f", {entry.total} item{'s' * (entry.total != 1)}"
            return "started" + ("" if entry.total is None else items)
        case ev.WaitStarted():
            return f"waits for {entry.waits_for}"
        case ev.AttemptFailed():
            return f"attempt {event.attempt} failed: {event.error.message}"
        case ev.ActivationFailed():
            return f"failed after {took}: {event.error.message}"
        case ev.ActivationCompleted():
            return f"completed in {took}"
        case _:
            return None


class Picture(Silent):
    """Keeps a table of the steps on the terminal, drawn again as they move."""

    def __init__(self, execution_id: str) -> None:
        super().__init__()
        self._id = execution_id
        self._lock = threading.Lock()
        self._live: Live | None = None

    def take(self, recorded: Recorded) -> None:
        """Take in one event; it is seen the next time the picture is drawn."""
        with self._lock:
            self.timeline.take(recorded)

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = Live(
            console=output.console(err=True),
            get_renderable=self._draw,
            refresh_per_second=10,
            redirect_stdout=False,
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        with self._lock:
            timeline = self.timeline
            now = clock.time()
            title = Text(f"{self._id}  {timeline.workflow}  ", style="bold")
            title.append(timeline.status, style=output.COLOURS.get(timeline.status))
            if timeline.started is not None:
                lasted = (timeline.ended or now) - timeline.started
                title.append(f"  {lasting(lasted)}", style="dim")
            return Group(title, self._steps(timeline, now))

    def _steps(self, timeline: Timeline, now: float) -> Table:
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        for _ in range(4):
            grid.add_column(no_wrap=True)
        for entry in _worth_showing(timeline):
            status = output.COLOURS.get(entry.status, "")
            grid.add_row(
                f" [{status}]{output.MARKS.get(entry.status, '?')}[/]",
                entry.address.replace("[", r"\["),
                f"[dim]{lasting(entry.seconds(now))}[/]",
                self._detail(entry),
            )
        return grid

    def _detail(self, entry: Entry) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        if entry.error is not None and entry.status == "failed":
            return Text(
                f"{error_name(entry.error)}: {entry.error.message}", style="red"
            )
        if entry.total is None or not entry.is_open:
            return Text(details(entry), style="dim")
        row = Table.grid(padding=(0, 1))
        row.add_row(
            ProgressBar(
                total=entry.total, completed=entry.done + entry.failed, width=30
            ),
            Text(details(entry), style="dim"),
        )
        return row


def _worth_showing(timeline: Timeline) -> list[Entry]:
    """Return what is not over and, as far as there is room, what was last."""
    running = [entry for entry in timeline.entries if entry.is_open][:SHOWN]
    room = SHOWN - len(running)
    over = [entry for entry in timeline.entries if not entry.is_open]
    kept = {id(entry) for entry in (*running, *(over[-room:] if room else ()))}
    return [entry for entry in timeline.entries if id(entry) in kept]
