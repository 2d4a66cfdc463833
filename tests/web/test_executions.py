"""Routes for programs of one's own, behind a token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from httpx import Response
from starlette.applications import Starlette

import actorflow as af
from actorflow.web import create_app
from tests.web.helpers import request

TOKEN = "t0ken"


@af.dynamic
async def publish(ctx: af.Context, text: str) -> str:
    """Ask whether to publish."""
    fine = await ctx.ask("Publish?", schema=bool, id="publish")
    return f"{text} {'out' if fine else 'in'}"


waits = af.Flow("waits").wait_signal("go", into="go").output("go").build()


@pytest.fixture(name="rt")
def _rt() -> Iterator[af.Runtime]:
    """Have a runtime."""
    with af.Runtime(":memory:", definitions=[waits, publish]) as rt:
        yield rt


class Client:
    """Somebody who knows the token."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, **rest: Any
    ) -> Response:
        """Send a request."""
        sent = {"Authorization": f"Bearer {TOKEN}", **(headers or {})}
        return request(self._app, method, path, headers=sent, **rest)

    def get(self, path: str) -> Response:
        """Send a GET."""
        return self.request("GET", path)

    def post(self, path: str, **options: Any) -> Response:
        """Send a POST."""
        return self.request("POST", path, **options)


@pytest.fixture(name="client")
def _client(rt: af.Runtime) -> Client:
    """Have somebody who knows the token."""
    return Client(create_app(rt, token=TOKEN))


def test_start_signal_show(rt: af.Runtime, client: Client) -> None:
    """An execution is started, signalled and looked at."""
    started = client.post("/executions", json={"workflow": "waits", "id": "w"})
    assert (started.status_code, started.json()["id"]) == (202, "w")
    rt.get("w").wait(timeout=10)
    assert client.get("/executions/w").json()["waits"][0]["topic"] == "go"
    for _ in range(2):
        sent = client.post(
            "/executions/w/signals/go", json={"n": 1}, headers={"Idempotency-Key": "k"}
        )
        assert sent.status_code in (204, 409)  # the second may come after the end
    rt.get("w").result(timeout=10)

    assert client.get("/executions/w").json() == {
        "id": "w",
        "workflow": "waits",
        "status": "completed",
        "output": {"n": 1},
        "error": None,
    }


def test_answer(rt: af.Runtime, client: Client) -> None:
    """A question is answered, and an answer that does not fit is refused."""
    run = rt.start(publish, text="news", execution_id="p")
    run.wait(timeout=10)
    wrong = client.post("/executions/p/answers/publish", json={"value": "maybe"})
    right = client.post("/executions/p/answers/publish", json={"value": True})

    assert (wrong.status_code, right.status_code) == (409, 204)
    assert run.result(timeout=10) == "news out"


def test_queue(rt: af.Runtime, client: Client) -> None:
    """An execution of a workflow that is not known here goes into the queue."""
    document = {
        "workflow": "elsewhere",
        "inputs": {"n": 1},
        "queue": True,
        "priority": 2,
        "tags": ["gpu"],
        "attributes": {"customer": "acme"},
    }
    answer = client.post("/executions", json=document)

    assert answer.json()["status"] == "queued"
    assert [row.tags for row in rt.list(where={"customer": "acme"})] == [["gpu"]]


@pytest.mark.parametrize(
    ("document", "status", "text"),
    [
        ([], 400, "workflow"),
        ({"workflow": "waits", "inptus": {}}, 400, "'inptus'"),
        ({"workflow": "waits", "inputs": []}, 400, "'inputs' has the wrong type"),
        ({"workflow": "waits", "inputs": {"priority": 1}}, 400, "'priority'"),
        ({"workflow": "waits", "inputs": {"n": 1}}, 422, "'n'"),
        ({"workflow": "nobody"}, 422, "no definition has that name"),
    ],
)
def test_refused(client: Client, document: Any, status: int, text: str) -> None:
    """What does not fit is refused, and said."""
    answer = client.post("/executions", json=document)

    assert answer.status_code == status
    assert text in str(answer.json())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/executions/nobody", 404),
        ("POST", "/executions/nobody/signals/go", 404),
        ("POST", "/executions/nobody/answers/q", 400),
    ],
)
def test_nobody(client: Client, method: str, path: str, status: int) -> None:
    """An execution that is not there is not found."""
    assert client.request(method, path).status_code == status


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer é"]
)
def test_token(rt: af.Runtime, header: str) -> None:
    """Who does not know the token gets nowhere, and learns nothing."""
    app, sent = create_app(rt, token=TOKEN), {"Authorization": header.encode()}
    answer = request(app, "GET", "/executions/w", headers=sent)

    assert (answer.status_code, answer.json()) == (401, {"error": "no valid token"})


def test_no_token_no_routes(rt: af.Runtime) -> None:
    """Unless a token was given, these routes are not there."""
    app = create_app(rt)

    assert request(app, "POST", "/executions").status_code == 404
    assert request(app, "GET", "/health").json() == {"status": "ok"}
    with pytest.raises(af.DefinitionError, match="token"):
        create_app(rt, token="")
