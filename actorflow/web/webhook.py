"""What a request to one path starts, or signals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import field, frozen

from actorflow.errors import DefinitionError


@frozen
class WebhookRequest:
    """A request whose signature has been checked.

    Attributes:
        headers: by names in lower case.
        key: what tells a repeated delivery from a new one, if the sender says.
    """

    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes = field(repr=False)
    key: str | None = None

    @property
    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            ValueError: it is none.
        """
        return json.loads(self.body, parse_constant=_no_number)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def body_inputs(request: WebhookRequest) -> Mapping[str, Any]:
    """Return the members of the body, a JSON object, as inputs by name."""
    members = request.json
    if not isinstance(members, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - of the sender
    return members


def _secrets(given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)


@frozen
class Webhook:
    """What a POST to *path* does: start an execution, or signal one.

    Attributes:
        path: begins with ``/``; unique.
        workflow: what is started: a definition, or the name of one. None with *topic*
            for signals to executions that are there already.
        secret: what the sender signs the raw body with, or several while one takes the
            place of another; None lets everybody in who can reach the path.
        inputs: makes the inputs from the request; by default the members of its body.
        topic: the signal that the request is. The execution is started before if it is
            not there, as far as *workflow* says of what.
        payload: makes the signal's payload; by default the whole body, read as JSON.
        execution_id: makes the execution's id. By default it is made of the workflow's
            name and the idempotency key; without such a key every request starts one.
        signature_header: where the signature is, as ``sha256=<hex>``.
        signature_prefix: what stands before the hexadecimal digits.
        key_header: where the sender tells the deliveries apart.
        max_bytes: of a body; what is longer is refused.
        queue: leave the start to a worker instead of starting it in this process.

    Raises:
        DefinitionError: with everything that is wrong with it.
    """

    path: str
    workflow: Any = None
    secret: tuple[str, ...] | None = field(kw_only=True, converter=_secrets, repr=False)
    inputs: Callable[[WebhookRequest], Mapping[str, Any]] = field(
        default=body_inputs, kw_only=True
    )
    topic: str | None = field(default=None, kw_only=True)
    payload: Callable[[WebhookRequest], Any] = field(
        default=lambda request: request.json, kw_only=True
    )
    execution_id: Callable[[WebhookRequest], str] | None = field(
        default=None, kw_only=True
    )
    signature_header: str = field(default="X-Webhook-Signature", kw_only=True)
    signature_prefix: str = field(default="sha256=", kw_only=True)
    key_header: str = field(default="Idempotency-Key", kw_only=True)
    max_bytes: int = field(default=1_000_000, kw_only=True)
    queue: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise DefinitionError(str(self.path) or "webhook", problems)

    def _problems(self) -> Iterator[str]:
        if not self.path.startswith("/") or "{" in self.path:
            yield "a path begins with '/', and has no parameters"
        if self.secret is not None and not (self.secret and all(self.secret)):
            yield "a secret may not be empty; secret=None lets everybody in"
        if self.topic is None and self.workflow is None:
            yield "name a workflow= to start, or a topic= to signal"
        if self.topic is not None and self.execution_id is None:
            yield "with topic=, execution_id= says whom to signal"
        if self.max_bytes < 1:
            yield f"max_bytes must be at least 1, not {self.max_bytes!r}"
