"""What all calls of one node by dynamic nodes have in common, found once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from attrs import frozen

from actorflow.model.activities import node_name
from actorflow.model.definition import node_kind
from actorflow.model.steps import Step

if TYPE_CHECKING:
    from actorflow.runtime.services import Services


@frozen(eq=False)
class Callee:
    """A node as those see it that call it.

    Attributes:
        part: its name as a part of an address.
        undo: the name of the node that compensates it.
        returns: what its results are brought back as.
        step: a step that runs it.
    """

    name: str
    kind: str
    part: str
    undo: str | None
    returns: Any
    step: Step


def callee_of(node: Any, services: Services) -> Callee:
    """Return what there is to know of *node*; it is remembered for a while."""
    known = services.callees.get(node)
    if known is None:
        name = node_name(node)
        known = Callee(
            name,
            node_kind(node),
            quoted(name),
            services.expressions.undo_of(node),
            _returns(node, services),
            Step(name, activity=node),
        )
        services.callees.put(node, known)
    return known


def _returns(node: Any, services: Services) -> Any:
    if node_kind(node) in ("flow", "child"):
        return Any
    hint = services.bound(node).signature.returns
    # A node that returns nothing may give what one of its calls does.
    return Any if hint is type(None) else hint


def quoted(name: str) -> str:
    """Return *name* as a part of an address."""
    return quote(name, safe=" ._-")
