"""Webhooks: who may start what, once, and what a sender is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from httpx import Response

import actorflow as af
from actorflow.errors import LogUnavailableError
from actorflow.model.events import SignalReceived
from actorflow.runtime.signing import is_signed, signature_of
from actorflow.web import Webhook, WebhookRequest, create_app
from tests.web.helpers import request

SECRET = "s3cret"


@af.activity
def ship(order: str, *, express: bool = False) -> str:
    """Ship an order."""
    return f"{order} {'fast' if express else 'slowly'}"


orders = (
    af.Flow("orders", inputs=["order", af.Input("express", default=False)])
    .then(ship)
    .output("ship")
    .build()
)
payments = (
    af.Flow("payments", inputs=["order"])
    .wait_signal("paid", into="by")
    .output("by")
    .build()
)


@pytest.fixture(name="rt")
def _rt() -> Iterator[af.Runtime]:
    """Have a runtime."""
    with af.Runtime(":memory:", definitions=[orders, payments]) as rt:
        yield rt


Post = Callable[..., Response]


@pytest.fixture(name="post")
def _post(rt: af.Runtime) -> Post:
    """Send a signed body to a webhook of the test's own options."""

    def post(
        body: Any = b'{"order": "o-1"}',
        *,
        headers: dict[str, Any] | None = None,
        signed_with: str = SECRET,
        **options: Any,
    ) -> Response:
        options.setdefault("workflow", orders)
        options.setdefault("secret", SECRET)
        app = create_app(rt, webhooks=[Webhook("/hook", **options)])
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = {"X-Webhook-Signature": signature_of(content, signed_with)}
        sent = {**signed, **(headers or {})}
        return request(app, "POST", "/hook", content=content, headers=sent)

    return post


class TestStarting:
    """A request that starts an execution."""

    def test_started(self, rt: af.Runtime, post: Post) -> None:
        """The members of the body are the inputs; the execution is durable."""
        answer = post({"order": "o-1", "express": True})

        assert answer.status_code == 202
        assert answer.json()["workflow"] == "orders"
        assert rt.get(answer.json()["id"]).result(timeout=10) == "o-1 fast"

    def test_delivered_twice(self, rt: af.Runtime, post: Post) -> None:
        """A delivery that is repeated under its key starts nothing further."""
        answers = [post(headers={"Idempotency-Key": "d-7"}) for _ in range(2)]

        assert [each.status_code for each in answers] == [202, 200]
        assert {each.json()["id"] for each in answers} == {"orders-d-7"}
        assert len(rt.list()) == 1

    def test_without_a_key(self, rt: af.Runtime, post: Post) -> None:
        """Without a key nobody can tell deliveries apart: each starts one."""
        post()
        post()

        assert len(rt.list()) == 2

    def test_id_from_the_body(self, rt: af.Runtime, post: Post) -> None:
        """The id may be made of what the sender says."""
        answer = post(execution_id=lambda request: request.json["order"])

        assert answer.json()["id"] == "o-1"

    def test_inputs_of_ones_own(self, rt: af.Runtime, post: Post) -> None:
        """Inputs may be made of everything the request has."""

        def inputs(request: WebhookRequest) -> dict[str, Any]:
            return {"order": f"{request.headers['x-shop']}/{request.body.decode()}"}

        answer = post(b"42", inputs=inputs, headers={"X-Shop": "north"})

        assert rt.get(answer.json()["id"]).result(timeout=10) == "north/42 slowly"

    def test_left_to_a_worker(self, rt: af.Runtime, post: Post) -> None:
        """A process that only receives leaves the work to others, by name."""
        answer = post(workflow="elsewhere", queue=True)

        assert answer.json()["status"] == "queued"


class TestSignalling:
    """A request that is a signal."""

    OPTIONS: ClassVar[dict[str, Any]] = {
        "topic": "paid",
        "execution_id": lambda request: request.json["order"],
        "inputs": lambda request: {"order": request.json["order"]},
    }

    def test_started_and_signalled(self, rt: af.Runtime, post: Post) -> None:
        """What is not there is started, and gets the signal."""
        post({"order": "p-1", "by": "ann"}, workflow=payments, **self.OPTIONS)

        assert rt.get("p-1").result(timeout=10) == {"order": "p-1", "by": "ann"}

    def test_signalled(self, rt: af.Runtime, post: Post) -> None:
        """What is there gets the signal, once for each key."""
        rt.start(payments, order="p-1", execution_id="p-1")
        answer = post({"order": "p-1"}, workflow=None, **self.OPTIONS)

        assert answer.status_code == 200
        assert rt.get("p-1").result(timeout=10) == {"order": "p-1"}

    def test_nobody_to_signal(self, rt: af.Runtime, post: Post) -> None:
        """Without a workflow, an execution that is not there is not found."""
        assert post({"order": "x"}, workflow=None, **self.OPTIONS).status_code == 404

    def test_too_late(self, rt: af.Runtime, post: Post) -> None:
        """An execution that has ended takes no signal."""
        rt.start(payments, order="p-1", execution_id="p-1").cancel()
        answer = post({"order": "p-1"}, workflow=payments, **self.OPTIONS)

        assert answer.status_code == 409

    def test_the_same_in_python(self, rt: af.Runtime) -> None:
        """`signal_with_start` starts what is not there, and signals what is."""
        given: dict[str, Any] = {"execution_id": "p-1", "order": "p-1"}
        for n in range(2):
            rt.signal_with_start(payments, "note", n, key="k", **given)
        run = rt.signal_with_start(payments, "paid", 1, **given)

        assert run.result(timeout=10) == 1
        assert len(rt.list()) == 1
        noted = [e for e in run.history() if isinstance(e.event, SignalReceived)]
        assert [e.event.topic for e in noted] == ["note", "paid"]


class TestSignatures:
    """Who is let in."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-Webhook-Signature": ""},
            {"X-Webhook-Signature": "sha256="},
            {"X-Webhook-Signature": signature_of(b"another body", SECRET)},
            {
                "X-Webhook-Signature": signature_of(b"{}", SECRET).removeprefix(
                    "sha256="
                )
            },
            {"X-Webhook-Signature": "sha256=é"},
        ],
    )
    def test_refused(self, rt: af.Runtime, post: Post, headers: dict[str, str]) -> None:
        """A body that was not signed with the secret starts nothing."""
        raw = {name: value.encode() for name, value in headers.items()}
        answer = post(b"{}", headers=raw)

        assert answer.status_code == 401
        assert rt.list() == []

    def test_checked_before_the_body_is_read(self, rt: af.Runtime, post: Post) -> None:
        """Who is not let in does not learn whether the body would have done."""
        assert post(b"no json", signed_with="wrong").status_code == 401

    def test_secrets_take_turns(self, rt: af.Runtime, post: Post) -> None:
        """While a secret is replaced, the old and the new one are good."""
        for old_or_new in ("old", "new"):
            answer = post(signed_with=old_or_new, secret=["new", "old"])
            assert answer.status_code == 202

        body = b"{}"
        assert is_signed(body, signature_of(body, "old"), ("new", "old"))
        assert not is_signed(body, signature_of(body, "older"), ("new", "old"))

    def test_another_header(self, rt: af.Runtime, post: Post) -> None:
        """Header and prefix are those of the sender."""
        digest = signature_of(b'{"order": "o-1"}', SECRET, prefix="v1,")
        answer = post(
            headers={"X-Hub": digest}, signature_header="X-Hub", signature_prefix="v1,"
        )

        assert answer.status_code == 202

    def test_nobody_signs(self, rt: af.Runtime, post: Post) -> None:
        """Without a secret everybody may start it, because somebody said so."""
        answer = post(headers={"X-Webhook-Signature": ""}, secret=None)

        assert answer.status_code == 202


class TestRefusals:
    """What cannot be done has a status that says why."""

    @pytest.mark.parametrize(
        ("body", "status", "text"),
        [
            (b"", 400, "no inputs can be made"),
            (b"[1]", 400, "must be a JSON object"),
            (b"{", 400, "no inputs can be made"),
            (b'{"order": NaN}', 400, "NaN"),
            (b"\xff", 400, "no inputs can be made"),
            (b"{}", 422, "'order' is required"),
            (b'{"order": 1, "ordre": 2}', 422, "unknown input 'ordre'"),
        ],
    )
    def test_bodies(self, post: Post, body: bytes, status: int, text: str) -> None:
        """A body that does not fit is refused, and what is wrong is said."""
        answer = post(body)

        assert (answer.status_code, text in answer.json()["error"]) == (status, True)

    def test_too_long(self, rt: af.Runtime, post: Post) -> None:
        """A body over the limit is not even read to its end."""
        answer = post(b" " * 1001, max_bytes=1000)

        assert answer.status_code == 413
        assert rt.list() == []

    def test_key_too_long(self, post: Post) -> None:
        """A key that could not be part of an id is refused."""
        assert post(headers={"Idempotency-Key": "k" * 201}).status_code == 400

    def test_id_of_another(self, rt: af.Runtime, post: Post) -> None:
        """An id that another workflow has is a conflict."""
        rt.start(payments, order="x", execution_id="o-1")
        answer = post(execution_id=lambda _: "o-1")

        assert (answer.status_code, "payments" in answer.text) == (409, True)

    @pytest.mark.parametrize(
        ("method", "path", "status"), [("GET", "/hook", 405), ("POST", "/none", 404)]
    )
    def test_routes(self, rt: af.Runtime, method: str, path: str, status: int) -> None:
        """Other paths and methods are not there."""
        app = create_app(rt, webhooks=[Webhook("/hook", orders, secret=SECRET)])

        assert request(app, method, path).status_code == status

    def test_log_not_there(
        self, rt: af.Runtime, post: Post, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When the log fails, the sender is asked to come again, and told no more."""

        def fail(*_: object) -> None:
            raise LogUnavailableError("disk /dev/sda1 is gone")

        monkeypatch.setattr(rt.log, "find", fail)
        answer = post(headers={"Idempotency-Key": "k"})

        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "sda1" not in answer.text

    def test_closed(self, rt: af.Runtime, post: Post) -> None:
        """A runtime that was closed is unavailable, and so is its health."""
        rt.close()

        assert post().status_code == 503
        assert request(create_app(rt), "GET", "/health").status_code == 503


class TestDefinition:
    """A webhook that has no meaning is refused where it is written."""

    @pytest.mark.parametrize(
        ("path", "options", "problem"),
        [
            ("hook", {"workflow": orders}, "begins with '/'"),
            ("/{any}", {"workflow": orders}, "no parameters"),
            ("/hook", {}, "name a workflow"),
            ("/hook", {"topic": "t"}, "whom to signal"),
            ("/hook", {"workflow": orders, "secret": ""}, "may not be empty"),
            ("/hook", {"workflow": orders, "secret": []}, "may not be empty"),
            ("/hook", {"workflow": orders, "max_bytes": 0}, "max_bytes"),
        ],
    )
    def test_refused(self, path: str, options: dict[str, Any], problem: str) -> None:
        """Each mistake is named."""
        with pytest.raises(af.DefinitionError, match=problem):
            Webhook(path, **{"secret": SECRET, **options})

    def test_two_of_one_path(self, rt: af.Runtime) -> None:
        """Two webhooks cannot have one path."""
        hooks = [Webhook("/hook", orders, secret=SECRET) for _ in range(2)]

        with pytest.raises(af.DefinitionError, match="'/hook'"):
            create_app(rt, webhooks=hooks)

    def test_secrets_are_not_shown(self) -> None:
        """Whoever prints a webhook does not print its secret."""
        assert SECRET not in repr(Webhook("/hook", orders, secret=SECRET))
