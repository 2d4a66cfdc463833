"""For tests of your own: virtual time, simulation, faults, the contract of a log."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from actorflow.actors.clock import VirtualClock
from actorflow.actors.manual import ManualDispatcher
from actorflow.testing.faults import Crash, CrashingLog, Faults
from actorflow.testing.laws import SimulationError
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

if TYPE_CHECKING:
    from actorflow.testing.blob_contract import BlobStoreContract
    from actorflow.testing.log_contract import EventLogContract

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

# Contracts are suites for pytest; nothing else here needs it.
_CONTRACTS = {
    "BlobStoreContract": "actorflow.testing.blob_contract",
    "EventLogContract": "actorflow.testing.log_contract",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _CONTRACTS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_CONTRACTS[name]), name)
