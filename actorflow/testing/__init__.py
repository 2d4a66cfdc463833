"""For tests of your own: virtual time, simulation, faults, the contract of a log."""

from actorflow.actors.clock import VirtualClock
from actorflow.actors.manual import ManualDispatcher
from actorflow.testing.blob_contract import BlobStoreContract
from actorflow.testing.faults import Crash, CrashingLog
from actorflow.testing.log_contract import EventLogContract
from actorflow.testing.replayer import Divergence, Replayed, Replayer, ReplayError
from actorflow.testing.runtimes import runtime
from actorflow.testing.simulation import CrashReport, End, Simulation, SimulationError

__all__ = [
    "BlobStoreContract",
    "Crash",
    "CrashReport",
    "CrashingLog",
    "Divergence",
    "End",
    "EventLogContract",
    "ManualDispatcher",
    "ReplayError",
    "Replayed",
    "Replayer",
    "Simulation",
    "SimulationError",
    "VirtualClock",
    "runtime",
]
