"""The actor of a question: it waits for a person's answer, and checks it."""

from __future__ import annotations

from typing import Any

from actorflow.errors import AnswerError, UnreadableError
from actorflow.log.codec import Codec
from actorflow.model import events as ev
from actorflow.model.events import Data, Failure
from actorflow.model.parts import Activation, Answer
from actorflow.runtime.messages import Answered
from actorflow.runtime.run import Run
from actorflow.runtime.waiting import WaitActor
from actorflow.runtime.work import Work

_NAMED = {"boolean": bool, "integer": int, "number": float, "string": str}


class QuestionActor(WaitActor):
    """Waits for an answer of the right type; a bad one leaves the question open."""

    def __init__(self, run: Run, address: str, work: Work) -> None:
        super().__init__(run, address, work)
        self._asked = work.node  # a `Question`, or None for a step's yes or no

    def handle(self, message: Any) -> None:
        """Take in an answer, then do what any wait does."""
        if isinstance(message, Answered):
            self._answered(message)
        super().handle(message)

    def _answered(self, message: Answered) -> None:
        activation = self.run.state.activations.get(self.address)
        wait = activation.wait if activation else None
        if message.inbox is not None:
            self.run.consume(message.inbox)
        if wait is None:
            message.reply(AnswerError(message.question, "it has been answered before"))
            return
        try:
            schema = self._asked.schema if self._asked else bool
            check_answer(message.value, schema, self.run.services.codec)
        except UnreadableError as error:
            message.reply(AnswerError(message.question, str(error)))
            return
        answer = {"value": message.value, "by": message.by}
        self.run.record_one(self.address, ev.WaitEnded(wait.ordinal, answer=answer))
        self.run.after_durable(message.reply, None, otherwise=message.reply)

    def result_of(self, answer: Answer) -> Data:
        """Return the answer itself, or the decision of a gate."""
        value, by = answer.payload["value"], answer.payload["by"]
        if self._asked is not None:
            return value
        return {"approved": value, "by": by, "at": answer.at}

    def result_at_end(self, activation: Activation) -> Data | Failure:
        """Return the default answer; without one, the failure."""
        ask = self._step.ask
        if self._asked is not None:
            return self._asked.default
        if ask is not None and ask.default is not None:
            late = (activation.answers or {})[activation.attempt - 1]
            return {"approved": ask.default, "by": None, "at": late.at}
        return super().result_at_end(activation)


def check_answer(value: Data, schema: Any, codec: Codec) -> None:
    """Raise `UnreadableError` unless *value* is an answer.

    *schema* is the class asked for, or what is recorded of it: a JSON Schema, or the
    name of a type in it.
    """
    if isinstance(schema, dict):
        _check_json_schema(value, schema)
        return
    hint = _NAMED.get(schema, Any) if isinstance(schema, str) else schema
    if hint is bool and not isinstance(value, bool):
        raise UnreadableError("answer", f"expected true or false, got {value!r}")
    if hint is not None:
        codec.from_data(value, hint, path="answer")


def _check_json_schema(value: Data, schema: dict[str, Any]) -> None:
    import jsonschema  # only for those who ask with JSON Schema

    try:
        jsonschema.validate(value, schema)
    except jsonschema.ValidationError as error:
        raise UnreadableError("answer", error.message) from None
