"""Which actor looks after which kind of activation."""

from __future__ import annotations

from typing import Any

from actorflow.runtime.activity import ActivityActor
from actorflow.runtime.asking import QuestionActor
from actorflow.runtime.branch import BranchActor
from actorflow.runtime.child import ChildExecutionActor, TellActor, UndoChildActor
from actorflow.runtime.dynamic import DynamicActor
from actorflow.runtime.fanout import FanActor
from actorflow.runtime.flow import FlowActor
from actorflow.runtime.repeat import LoopActor, RouteActor
from actorflow.runtime.waiting import WaitActor

ACTORS: dict[str, type[Any]] = {
    "branch": BranchActor,
    "activity": ActivityActor,
    "flow": FlowActor,
    "dynamic": DynamicActor,
    "child": ChildExecutionActor,
    "tell_child": TellActor,
    "undo_child": UndoChildActor,
    "map": FanActor,
    "parallel": FanActor,
    "loop": LoopActor,
    "route": RouteActor,
    "wait_signal": WaitActor,
    "ask": QuestionActor,
    "update": WaitActor,
    "sleep": WaitActor,
    "pause": WaitActor,
}
