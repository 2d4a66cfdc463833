"""The activities that come along: each does what it says, and says why it cannot."""

from __future__ import annotations

import json as json_module
import os
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import actorflow as af
from actorflow import activities
from actorflow.activities.files import file_in
from actorflow.activities.shell import shell
from actorflow.testing import runtime
from tests.acceptance.helpers import WAIT


def result(node: Any, /, *args: Any, **given: Any) -> Any:
    """Run *node* as a dynamic node's call; return what it returns."""

    @af.dynamic
    async def call(ctx: af.Context) -> Any:
        return await ctx.run(node, *args, **given)

    with runtime(call) as rt:
        return rt.start(call).result()


def failure(node: Any, /, *args: Any, **given: Any) -> af.Failure:
    """Run *node*; return why it failed."""

    @af.dynamic
    async def call(ctx: af.Context) -> Any:
        return await ctx.run(node, *args, **given)

    with runtime(call) as rt:
        error = rt.start(call).wait().error
    assert error is not None
    return error.causes[0] if error.causes else error


def test_a_file_names_them() -> None:
    """`BASIC` is what a graph from a file can use without any Python."""
    wf = af.Workflow.loads(
        "name: w\nsteps:\n"
        "- {name: when, activity: now, store: at, next: dice}\n"
        "- {name: dice, activity: random, store: dice, next: say,\n"
        "   parameters: {kind: integer, low: 1, high: 6}}\n"
        "- {name: say, activity: print, store: said,\n"
        "   parameters: {message: 'a ${dice} at ${at}'}}\n"
        "result: '*'\n"
    )
    with runtime(wf, activities=activities.BASIC) as rt:
        output = rt.start(wf).result()
        assert output["at"].timestamp() == rt.clock.time()

    assert 1 <= output["dice"] <= 6
    assert output["said"] == f"a {output['dice']} at {output['at']}"


def test_dangerous_ones_are_not_among_them() -> None:
    """Programs and files are there for who imports them, not for every file."""
    names = {each.name for each in activities.BASIC}

    assert names == {"print", "http", "json", "now", "random", "fail"}
    assert not {"shell", "file", "file_in"} & set(activities.__all__)


# --- printing, failing, time, chance -------------------------------------------------


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_print_writes_a_line(stream: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """To either stream, and returns it; a percent sign is only that."""
    assert result(activities.print_, "100 %d", file=stream) == "100 %d"
    assert getattr(capsys.readouterr(), stream[3:]) == "100 %d\n"


def test_fail_fails_as_told() -> None:
    """With the message, the class and the details."""
    error = failure(activities.fail, "no", type="declined", details={"code": 7})

    assert (error.type, error.message, error.details) == ("declined", "no", {"code": 7})


def test_now_is_the_time_of_the_clock_in_any_zone() -> None:
    """Virtual in tests; the same moment, however it is written."""
    utc = result(activities.now)
    tokyo = result(activities.now, timezone="Asia/Tokyo")

    assert isinstance(utc, datetime)
    assert (utc, utc.utcoffset().total_seconds()) == (tokyo, 0)  # type: ignore[union-attr]
    assert tokyo.utcoffset().total_seconds() == 9 * 3600


def test_an_unknown_zone_is_named() -> None:
    """And is not tried again."""
    assert "'Mars/Base'" in failure(activities.now, timezone="Mars/Base").message


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({}, lambda v: 0 <= v <= 1),
        ({"kind": "integer", "low": 3, "high": 3}, lambda v: v == 3),
        ({"kind": "float", "low": 2, "high": 5}, lambda v: 2 <= v <= 5),
        ({"kind": "boolean"}, lambda v: v in (True, False)),
        ({"kind": "choice", "choices": ["a"]}, lambda v: v == "a"),
        ({"kind": "text", "length": 5, "alphabet": "x"}, lambda v: v == "xxxxx"),
        ({"kind": "uuid"}, lambda v: len(v) == 36 and v[14] == "4"),
        ({"kind": "boolean", "count": 3}, lambda v: len(v) == 3),
        ({"count": 0}, lambda v: v == []),
    ],
)
def test_random_is_what_was_asked_for(given: dict, fits: Any) -> None:
    """Every kind, one or several."""
    assert fits(result(activities.random, **given))


def test_random_is_chosen_once(tmp_path: Path) -> None:
    """What was chosen is recorded: a restart does not choose again."""
    flow = af.Flow("f").then(activities.random, into="n").sleep(60).output("n").build()
    with runtime(flow, log=str(tmp_path / "log.db")) as rt:
        run = rt.start(flow, execution_id="e")
        run.wait()
        chosen = run.state().variables["n"]
        clock = rt.clock
    with runtime(flow, log=str(tmp_path / "log.db"), clock=clock) as rt:
        assert rt.get("e").result() == chosen


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "integer", "low": 2, "high": 1},
        {"kind": "choice"},
        {"kind": "text", "length": -1},
        {"kind": "text", "alphabet": ""},
        {"count": -1},
        {"count": 10**9},
    ],
)
def test_random_of_nothing_is_refused(given: dict) -> None:
    """What makes no sense, or would fill the memory."""
    assert failure(activities.random, **given).type == "invalid_input"


# --- json ----------------------------------------------------------------------------

ORDERS = {"orders": [{"id": 7}, {"id": 8}]}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (
            {"operation": "parse", "value": '{"a": [1, 2.5, null]}'},
            {"a": [1, 2.5, None]},
        ),
        ({"operation": "write", "value": {"a": "é"}}, '{"a": "é"}'),
        ({"operation": "write", "value": [1], "indent": 1}, "[\n 1\n]"),
        ({"operation": "query", "value": ORDERS, "path": "orders.1.id"}, 8),
        ({"operation": "query", "value": '{"a": 1}', "path": ".a"}, 1),
        ({"operation": "query", "value": ORDERS}, ORDERS),
        (
            {
                "operation": "merge",
                "value": {"a": {"x": 1, "y": 1}, "b": 1},
                "other": {"a": {"y": 2}, "c": 3},
            },
            {"a": {"x": 1, "y": 2}, "b": 1, "c": 3},
        ),
        ({"operation": "is_valid", "value": "[1]"}, True),
        ({"operation": "is_valid", "value": "[1"}, False),
    ],
)
def test_json_works(given: dict, wanted: Any) -> None:
    """Parse, write, query, merge, check."""
    assert result(activities.json, **given) == wanted


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"operation": "parse", "value": "{"}, "is no JSON"),
        ({"operation": "parse", "value": 3}, "not int"),
        ({"operation": "query", "value": ORDERS, "path": "orders.9"}, "no '9'"),
        ({"operation": "query", "value": ORDERS, "path": "orders.x"}, "no 'x'"),
        ({"operation": "query", "value": ORDERS, "path": "ordrs"}, "no 'ordrs'"),
        ({"operation": "merge", "value": {}, "other": None}, "two mappings"),
        ({"operation": "parse", "value": "[" * 99_999}, "is no JSON"),
    ],
)
def test_json_says_what_is_wrong(given: dict, told: str) -> None:
    """Naming the part of the path, or the place in the text."""
    assert told in failure(activities.json, **given).message


# --- http ----------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    """Answers by path, and keeps what it was sent."""

    seen: list[tuple[str, str, dict[str, str], bytes]]

    def do_GET(self) -> None:
        """Answer anything."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.seen.append((self.command, self.path, headers, body))  # type: ignore[attr-defined]
        if self.path == "/slow":
            self.server.gate.wait(WAIT)  # type: ignore[attr-defined]
        status, kind, answer = {
            "/json": (200, "application/json", b'{"n": 1}'),
            "/broken": (200, "application/json", b'{"n": '),
            "/bytes": (200, "image/png", b"\xff\xfe\x00"),
            "/gone": (410, "text/plain", b"gone"),
            "/busy": (503, "text/plain", b"later"),
            "/large": (200, "text/plain", b"x" * 5000),
        }.get(self.path, (200, "text/plain", b"hello"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Any]:
    """Run a server on this machine, for this module."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.seen, server.gate = [], threading.Event()
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}
    )
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.gate.set()
    server.shutdown()
    thread.join()
    server.server_close()


def request(path: str, server: Any, **given: Any) -> dict[str, Any]:
    """Send a request from an activity; return what it returned."""
    answer: dict[str, Any] = result(activities.http, f"{server.url}{path}", **given)
    return answer


def test_http_returns_the_answer(server: Any) -> None:
    """Status, headers, text, and what it is as JSON."""
    answer = request("/json", server, params={"q": "a b"})

    assert (answer["status"], answer["ok"], answer["text"]) == (200, True, "hello")
    assert server.seen[-1][:2] == ("GET", "/json?q=a+b")
    assert request("/json", server)["json"] == {"n": 1}


def test_http_keeps_what_it_cannot_read(server: Any) -> None:
    """Broken JSON is text, and what is no text comes in bytes."""
    assert request("/broken", server)["json"] is None
    assert request("/broken", server)["text"] == '{"n": '
    assert request("/bytes", server)["content"] == b"\xff\xfe\x00"


def test_http_sends_json_and_a_key(server: Any) -> None:
    """What may change something carries the key of its activation."""
    request("/orders", server, method="POST", json={"a": 1}, headers={"X-Mine": "1"})
    method, _, headers, body = server.seen[-1]

    assert (method, json_module.loads(body)) == ("POST", {"a": 1})
    assert headers["x-mine"] == "1"
    assert headers["idempotency-key"].endswith(":1")


def test_http_reading_carries_no_key(server: Any) -> None:
    """Nor does what is told not to, or has a key of its own."""
    request("/a", server)
    assert "idempotency-key" not in server.seen[-1][2]
    request("/a", server, method="PUT", idempotency_header=None)
    assert "idempotency-key" not in server.seen[-1][2]
    request("/a", server, method="PUT", headers={"Idempotency-Key": "mine"})
    assert server.seen[-1][2]["idempotency-key"] == "mine"


def test_http_status_is_no_failure_unless_told(server: Any) -> None:
    """A refusal is an answer; with `raise_for_status` it is a failure with it."""
    assert request("/gone", server)["ok"] is False
    error = failure(activities.http, f"{server.url}/gone", raise_for_status=True)

    assert (error.type, error.details["status"]) == ("http_status", 410)


def test_http_is_tried_again_with_the_same_key(server: Any) -> None:
    """Every try of one request carries one key."""
    policy = af.Retry(max_attempts=3, initial=0, on="http_status")
    node = activities.http.options(retry=policy)
    before = len(server.seen)
    failure(node, f"{server.url}/busy", method="POST", raise_for_status=True)
    keys = [headers["idempotency-key"] for _, _, headers, _ in server.seen[before:]]

    assert len(keys) == 3
    assert len({*keys}) == 1


def test_http_that_takes_too_long_is_a_timeout(server: Any) -> None:
    """Of the class that retries and catches know."""
    error = failure(activities.http, f"{server.url}/slow", timeout=0.05)

    assert error.type == "timeout"


@pytest.mark.parametrize(
    ("url", "given", "kind"),
    [
        ("http://127.0.0.1:1/", {}, "activity_failed"),
        ("nothing", {}, "activity_failed"),
        ("http://[::", {}, "invalid_input"),
        ("http://127.0.0.1:1/", {"headers": {"a": "b\nc"}}, "activity_failed"),
    ],
)
def test_http_that_cannot_be_sent_says_why(url: str, given: dict, kind: str) -> None:
    """Nobody there, no such protocol, no such address."""
    error = failure(activities.http, url, **given)

    assert url in error.message
    assert error.type in (kind, "invalid_input")


def test_http_answer_that_is_too_long_is_refused(server: Any) -> None:
    """A server cannot fill the memory, nor the log."""
    error = failure(activities.http, f"{server.url}/large", max_bytes=4000)

    assert error.type == "too_large"


# --- programs ------------------------------------------------------------------------

PYTHON = sys.executable


def test_shell_runs_a_program() -> None:
    """With arguments that nobody interprets, an environment and an input."""
    code = "import os, sys; print(sys.argv[1], os.environ['X'], sys.stdin.read())"
    ended = result(
        shell, PYTHON, ["-c", code, "$HOME; *"], environment={"X": "1"}, input="in"
    )

    assert ended == {
        "exit_code": 0,
        "ok": True,
        "stdout": "$HOME; * 1 in\n",
        "stderr": "",
    }


def test_shell_tells_the_exit_code(tmp_path: Path) -> None:
    """Not 0 is a result; with `check` it is a failure with it."""
    args = ["-c", "import os, sys; sys.stderr.write(os.getcwd()); sys.exit(3)"]
    ended = result(shell, PYTHON, args, directory=str(tmp_path))
    error = failure(shell, PYTHON, args, check=True)

    assert (ended["exit_code"], ended["stderr"]) == (3, str(tmp_path))
    assert (error.type, error.details["exit_code"]) == ("exit_code", 3)


def test_shell_that_cannot_start_is_told() -> None:
    """With the program's name."""
    assert "'no-such-program'" in failure(shell, "no-such-program").message


def test_shell_keeps_the_end_of_a_long_output() -> None:
    """So much, and no more."""
    code = "print('a' * 500 + 'end')"

    assert result(shell, PYTHON, ["-c", code], max_output=4)["stdout"] == "end\n"


def _shelling(code: str, **settings: Any) -> af.Workflow:
    parameters = {"command": PYTHON, "args": ["-c", code]}
    step = af.Step("a", activity=shell, parameters=parameters, **settings)
    return af.Workflow("w", steps=[step])


def test_shell_that_takes_too_long() -> None:
    """A program that does not end in time fails its attempt."""
    with af.Runtime(":memory:") as rt:
        run = rt.start(_shelling("import time; time.sleep(600)", timeout=0.1))
        assert (error := run.wait(timeout=WAIT).error) is not None
        assert error.type == "timeout"


def test_shell_kills_what_it_has_started(tmp_path: Path) -> None:
    """The program, and what that has started, when the attempt is cancelled."""
    path = tmp_path / "alive"
    os.mkfifo(path)
    code = (
        "import subprocess, sys\n"
        f"alive = open({str(path)!r}, 'w')\n"
        "held = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "child = subprocess.Popen(held, stdout=alive)\n"
        "print('begun', file=alive, flush=True)\n"
        "child.wait()\n"
    )
    with af.Runtime(":memory:") as rt:
        run = rt.start(_shelling(code))
        with path.open() as alive:
            assert alive.readline() == "begun\n"
            run.cancel()
            # It ends when nobody is left who could write to it.
            assert alive.read() == ""
        assert run.wait(timeout=WAIT).status == "cancelled"


# --- files ---------------------------------------------------------------------------


def test_files_of_a_directory(tmp_path: Path) -> None:
    """Write, append, read, list, make, look, delete."""
    file = file_in(tmp_path)
    assert result(file, "write", "notes/a.txt", "one\n") == 4
    assert result(file, "append", "notes/a.txt", "two\n") == 4
    assert result(file, "read", "notes/a.txt") == "one\ntwo\n"
    assert result(file, "read", "notes/a.txt", encoding=None) == b"one\ntwo\n"
    result(file, "make", "notes/more")

    assert result(file, "list", "notes") == ["a.txt", "more/"]
    assert result(file, "exists", "notes/a.txt") is True
    assert result(file, "delete", "notes/a.txt") is True
    assert result(file, "delete", "notes/a.txt") is False
    assert result(file, "delete", "notes/more") is True
    assert result(file, "list") == ["notes/"]


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/passwd", "link/secret", "a/../../b"]
)
def test_a_path_cannot_leave_the_directory(tmp_path: Path, path: str) -> None:
    """Neither by dots, nor by a root, nor by a link."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_text("x")
    (inside / "link").symlink_to(tmp_path)
    error = failure(file_in(inside), "read", path)

    assert error.type == "fatal"
    assert "leads out of the directory" in error.message


@pytest.mark.parametrize(
    ("operation", "path"), [("read", "none"), ("list", "none"), ("rename", "x")]
)
def test_what_a_file_cannot_do_is_told(
    tmp_path: Path, operation: str, path: str
) -> None:
    """A file that is not there, an operation that does not exist."""
    message = failure(file_in(tmp_path), operation, path).message

    assert path in message or operation in message
