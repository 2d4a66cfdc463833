"""For tests of your own: virtual time, simulation, faults, the contract of a log."""

from actorflow.actors.clock import VirtualClock
from actorflow.actors.manual import ManualDispatcher
from actorflow.testing.blob_contract import BlobStoreContract
from actorflow.testing.faults import Crash, CrashingLog, Faults
from actorflow.testing.laws import SimulationError
from actorflow.testing.log_contract import EventLogContract
from actorflow.testing.outside import (
    Action,
    Answer,
    Ask,
    Cancel,
    Pause,
    Resume,
    Retry,
    Signal,
)
from actorflow.testing.replayer import Divergence, Replayed, Replayer, ReplayError
from actorflow.testing.runtimes import runtime
from actorflow.testing.simulation import CrashReport, End, FaultReport, Simulation

__all__ = [
    "Action",
    "Answer",
    "Ask",
    "BlobStoreContract",
    "Cancel",
    "Crash",
    "CrashReport",
    "CrashingLog",
    "Divergence",
    "End",
    "EventLogContract",
    "FaultReport",
    "Faults",
    "ManualDispatcher",
    "Pause",
    "ReplayError",
    "Replayed",
    "Replayer",
    "Resume",
    "Retry",
    "Signal",
    "Simulation",
    "SimulationError",
    "VirtualClock",
    "runtime",
]
