"""Where the events of an event-sourced actor live: its hold on a stream of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import define

from actorflow.actors.declared import events_of, tag_of
from actorflow.actors.writer import LogWriter
from actorflow.errors import StreamNotFoundError, UnrecordableError
from actorflow.log.port import ACTOR, EventLog, Stream

if TYPE_CHECKING:
    from actorflow.actors.eventsourced import EventSourcedActor


class EventCodec(Protocol):
    """What an actor needs of a log's codec."""

    def register_event(self, cls: type[Any], tag: str | None = None) -> str:
        """Let *cls* be recorded and read under *tag*."""
        ...

    def encode(self, event: Any) -> tuple[str, str]:
        """Return *event* as it is stored, or raise `UnrecordableError`."""
        ...

    def to_data(self, value: Any, hint: Any = ..., *, path: str = ...) -> Any:
        """Return *value* as a JSON tree."""
        ...

    def from_data(self, data: Any, hint: Any = ..., *, path: str = ...) -> Any:
        """Return what *data* was made from."""
        ...


class EventSourcedLog(EventLog, Protocol):
    """A log that says how it encodes."""

    codec: Any


@define(eq=False)
class Home:
    """Where an actor's events live; it outlasts restarts of the actor.

    Attributes:
        stream: the hold, once there is one.
        durable: seq of the last event known to be durable.
        snapshot_at: seq of the last snapshot taken.
        error: why the stream could not be acquired.
    """

    log: EventSourcedLog
    writer: LogWriter
    name: str
    type: str
    format: str
    events: frozenset[Any]
    stream: Stream | None = None
    durable: int = 0
    snapshot_at: int = 0
    error: Exception | None = None
    created: bool = False

    @property
    def in_flight(self) -> bool:
        """Whether events have been handed in that may not be durable yet."""
        return self.stream is not None and self.durable < self.stream.head

    def claim(self) -> Stream:
        """Take the stream, or prepare to create it.  For `LogWriter.call`."""
        try:
            return self.log.claim(ACTOR, self.name)
        except StreamNotFoundError:
            return Stream(ACTOR, self.name, self.type)

    def settle_in(self, stream: Stream | None, error: Exception | None) -> None:
        """Take note of what `claim` gave."""
        self.stream, self.error = stream, error
        if stream is not None:
            self.durable = stream.head
            self.created = stream.id is not None

    def made_durable(self, seq: int) -> None:
        """Take note of a commit."""
        self.durable = seq

    def check(self, events: tuple[Any, ...]) -> None:
        """Refuse what could not be recorded, or not be folded when read back."""
        for each in events:
            if type(each) not in self.events:
                name = type(each).__qualname__
                raise UnrecordableError(
                    name,
                    f"{self.type} does not declare it: name it in the annotation of "
                    f"apply(), or in `events = (..., {name})`, and decorate it with "
                    "@event",
                )
            self.log.codec.encode(each)


def home_of(
    actor_class: type[EventSourcedActor],
    key: str,
    log: EventSourcedLog,
    writer: LogWriter,
) -> Home:
    """Return a home for the actor of that class and key."""
    kind = actor_class.type_name or actor_class.__name__
    return Home(
        log=log,
        writer=writer,
        name=f"{kind}/{key}",
        type=kind,
        format=f"{kind}:{actor_class.snapshot_format}",
        events=frozenset(events_of(actor_class)),
    )


def register_events(actor_class: type[EventSourcedActor], codec: EventCodec) -> None:
    """Let *codec* read and write the events that *actor_class* folds.

    Raises:
        ValueError: two classes have the same tag.
        TypeError: the class declares no events, or something that is not one.
    """
    declared = events_of(actor_class)
    if not declared:
        raise TypeError(
            f"{actor_class.__name__} declares no events: annotate apply(self, event: "
            "...) with classes decorated by @event"
        )
    for cls in declared:
        tag = tag_of(cls)
        if tag is None:
            raise TypeError(f"{cls.__qualname__} is no event: decorate it with @event")
        codec.register_event(cls, tag)
