"""An actor system on Pykka: pooled actors, supervision, timers, event sourcing.

It knows nothing of workflows and can be used by itself: make an `ActorSystem`, spawn
`PooledActor`s in it; for actors that remember, a `LogWriter` on a log, and `Entities`.
"""

from actorflow.actors.clock import Clock, SystemClock, VirtualClock
from actorflow.actors.declared import event
from actorflow.actors.dispatcher import Dispatcher, ThreadDispatcher
from actorflow.actors.entities import Entities, EntityProxy, EntityRef
from actorflow.actors.eventsourced import EventSourcedActor
from actorflow.actors.future import FutureTimeoutError, PooledFuture
from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef
from actorflow.actors.supervision import Directive, Supervision
from actorflow.actors.system import ActorSystem
from actorflow.actors.timers import Timer, Timers
from actorflow.actors.writer import LogWriter, WriterThread

__all__ = [
    "ActorSystem",
    "Clock",
    "Directive",
    "Dispatcher",
    "Entities",
    "EntityProxy",
    "EntityRef",
    "EventSourcedActor",
    "FutureTimeoutError",
    "LogWriter",
    "ManualDispatcher",
    "PooledActor",
    "PooledFuture",
    "PooledRef",
    "Supervision",
    "SystemClock",
    "ThreadDispatcher",
    "Timer",
    "Timers",
    "VirtualClock",
    "WriterThread",
    "event",
]
