"""Webhooks that are sent: signed, tried again, and told apart by whoever gets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

import actorflow as af
from actorflow.activities import webhook
from actorflow.actors.clock import VirtualClock
from actorflow.log.codec import Codec
from actorflow.log.memory import MemoryLog
from actorflow.log.memory_store import MemoryStore
from actorflow.runtime.signing import is_signed
from actorflow.testing import runtime
from actorflow.testing.faults import Crash, CrashingLog
from actorflow.web import Webhook, create_app

URL = "https://elsewhere.example/hooks?token=abc"
SECRET = "s3cret"

Handler = Callable[[httpx.Request], httpx.Response]


class Receiver:
    """Answers with one status after the other, and keeps what it was sent."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)

    def transport(self) -> httpx.MockTransport:
        """Return what leads to it."""
        return httpx.MockTransport(self)


def flow(receiver: Receiver, **options: Any) -> af.Flow:
    """Return a flow that sends a webhook about an execution."""
    options = {"secret": SECRET, "transport": receiver.transport, **options}
    told = {"execution_id": "o-1", "status": "completed", "output": {"n": 1}}
    return (
        af.Flow("telling")
        .then(webhook(URL, **options), input=lambda _: told, into="answer")
        .output("answer")
        .build()
    )


def test_sent() -> None:
    """The body says what ended and how, and is signed as it is."""
    receiver = Receiver(204)
    telling = flow(receiver, headers={"Authorization": "Bearer x"})
    with runtime(telling) as rt:
        assert rt.start(telling).result() == 204
    (request,) = receiver.requests

    assert request.method == "POST"
    assert str(request.url) == URL
    assert json.loads(request.content) == {
        "id": "o-1",
        "status": "completed",
        "output": {"n": 1},
        "error": None,
    }
    signature = request.headers["X-Webhook-Signature"]
    assert is_signed(request.content, signature, (SECRET,))
    assert request.headers["Authorization"] == "Bearer x"


@pytest.mark.parametrize(
    "trouble",
    [500, 503, 429, 408, httpx.ConnectError("no route"), httpx.ReadTimeout("slow")],
)
def test_tried_again(trouble: int | Exception) -> None:
    """What can be mended by waiting is tried again, with the same body and key."""
    receiver = Receiver(trouble, trouble, 200)
    telling = flow(receiver)
    with runtime(telling) as rt:
        assert rt.start(telling).result() == 200

    assert len(receiver.requests) == 3
    assert len({request.content for request in receiver.requests}) == 1
    assert len({r.headers["Idempotency-Key"] for r in receiver.requests}) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 410, 301])
def test_refused(status: int) -> None:
    """What the receiver will never take is sent once, and fails."""
    receiver = Receiver(status)
    telling = flow(receiver)
    with runtime(telling) as rt, pytest.raises(af.ExecutionFailed) as caught:
        rt.start(telling).result()

    assert caught.value.error.type == "webhook_refused"
    assert caught.value.error.details == {"status": status}


def test_given_up() -> None:
    """After its last try the delivery has failed; `retry` begins anew."""
    receiver = Receiver(*[503] * 12, 200)
    telling = flow(receiver)
    with runtime(telling) as rt:
        run = rt.start(telling)
        begun = rt.clock.time()
        with pytest.raises(af.ExecutionFailed) as caught:
            run.result()
        assert caught.value.error.type == "webhook_unheard"
        assert 3600 < rt.clock.time() - begun < 86_400
        run.retry()
        assert run.result() == 200


def test_unsigned() -> None:
    """Without a secret nothing is signed."""
    receiver = Receiver(200)
    telling = flow(receiver, secret=None)
    with runtime(telling) as rt:
        rt.start(telling).result()

    assert "X-Webhook-Signature" not in receiver.requests[0].headers


def test_nothing_of_it_is_in_the_log() -> None:
    """Neither the secret nor the address, which may have a token, is recorded."""
    receiver = Receiver(500, httpx.ConnectError("no route"), 403)
    telling = flow(receiver)
    with runtime(telling) as rt:
        run = rt.start(telling)
        run.wait()
        written = "".join(text for _, text in map(Codec().encode, _events(run)))

    assert "403" in written
    assert SECRET not in written
    assert "token=abc" not in written


def _events(run: af.ExecutionHandle) -> list[Any]:
    return [recorded.event for recorded in run.history()]


def test_from_one_to_another() -> None:
    """What one runtime sends, another one receives: once, however often it is sent."""
    arrived = af.Flow("arrived", inputs=["id", "status", "output", "error"]).then(note)
    with af.Runtime(":memory:", definitions=[arrived]) as there:
        app = create_app(
            there, webhooks=[Webhook("/hooks", arrived.build(), secret=SECRET)]
        )
        lost = iter([True, False])

        class Lossy(httpx.ASGITransport):
            async def handle_async_request(
                self, request: httpx.Request
            ) -> httpx.Response:
                response = await super().handle_async_request(request)
                if next(lost):
                    raise httpx.ReadError("the answer was lost")
                return response

        telling = flow(Receiver(), transport=lambda: Lossy(app=app))
        with runtime(telling) as here:
            assert here.start(telling).result() == 200
        (row,) = there.list()
        assert there.get(row.id).result(timeout=10) == {"note": "o-1"}


class TestWhenAnExecutionHasEnded:
    """Sent by `on_complete`, which makes it an execution of its own."""

    @staticmethod
    def flow(receiver: Receiver) -> af.Flow:
        """Return a flow of which every end is told."""
        tell = webhook(URL, secret=SECRET, transport=receiver.transport)
        ends = ["completed", "failed", "cancelled"]
        return (
            af.Flow("order", inputs=["id"])
            .then(charge)
            .output("charge")
            .on_complete(tell, on=ends)
            .build()
        )

    @pytest.mark.parametrize(
        ("given", "status", "output", "error"),
        [
            ("o-1", "completed", "charged o-1", None),
            ("bad", "failed", None, {"type": "declined", "message": "no"}),
        ],
    )
    def test_every_end(self, given: str, status: str, output: Any, error: Any) -> None:
        """How it ended is in the body, whatever the end was."""
        receiver = Receiver(503, 200)
        order = self.flow(receiver)
        with runtime(order) as rt:
            rt.start(order, id=given, execution_id="x").wait()
            rt.clock.advance(0)
            assert rt.get("x/then/webhook").result() == 200

        assert json.loads(receiver.requests[-1].content) == {
            "id": "x",
            "status": status,
            "output": output,
            "error": error,
        }

    @pytest.mark.parametrize("at", range(1, 9))
    def test_killed_at_every_write(self, at: int) -> None:
        """Wherever the process dies, it is sent in the end, under one key."""
        receiver = Receiver(*[200] * 3)
        order = self.flow(receiver)
        clock, store = VirtualClock(), MemoryStore()
        log = CrashingLog(at=at, store=store, clock=clock.time)
        with suppress(Crash), runtime(order, log=log, clock=clock) as rt:
            rt.start(order, id="o-1", execution_id="x")
            rt.clock.advance(60)
        log.abandon()
        again = MemoryLog(store=store, clock=clock.time)
        with runtime(order, log=again, clock=clock) as rt:
            rt.start(order, id="o-1", execution_id="x").result()
            rt.clock.advance(0)
            assert rt.get("x/then/webhook").result() == 200

        assert len({r.headers["Idempotency-Key"] for r in receiver.requests}) == 1


@af.activity
def charge(id: str) -> str:
    """Charge an order."""
    if id == "bad":
        raise af.ActivityError("no", type="declined")
    return f"charged {id}"


@af.activity
def note(id: str) -> str:
    """Note what has arrived."""
    return id


@pytest.mark.parametrize(
    ("url", "secret", "problem"),
    [
        ("elsewhere.example", "s", "no address"),
        ("ftp://elsewhere.example", "s", "no address"),
        (URL, "", "may not be empty"),
    ],
)
def test_without_meaning(url: str, secret: str, problem: str) -> None:
    """An address or a secret that is none is refused where it is written."""
    with pytest.raises(af.DefinitionError, match=problem):
        webhook(url, secret=secret)
