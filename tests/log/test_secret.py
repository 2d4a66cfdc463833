"""Secrets: recorded only sealed, shown nowhere, and the same when they come back."""

from __future__ import annotations

import logging
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path
from unittest.mock import ANY

import pytest
from click.testing import CliRunner

import actorflow as af
from actorflow.cli import main
from actorflow.errors import InputError, UnrecordableError
from actorflow.log.encoders import MAX_DEPTH

WORD = "xyzzy-plugh"


class Xor:
    """A payload codec that is enough to hide a word from a search."""

    name = "xor"

    def encode(self, payload: bytes) -> bytes:
        """Return the bytes, changed."""
        return bytes(each ^ 0x55 for each in payload)

    decode = encode


@af.activity(executor="inline")
def login(user: str, password: af.Secret) -> af.Secret:
    """Return the password, as secret as it came; or fail, telling it."""
    if user == "eve":
        raise PermissionError(user, password, f"{password}", {"p": password})
    return af.Secret({"token": password.reveal()})


flow = (
    af.Flow("flow", inputs=["user", "password"])
    .then(login, into="token")
    .wait_signal("go", into="answer")
    .output("token")
    .build()
)


@pytest.mark.parametrize("text", [str, repr, "{:>20}".format, "%s".__mod__])
def test_shows_in_no_text(text: object) -> None:
    """However it is turned into text, the value is not in it."""
    secret = af.Secret(WORD)

    assert callable(text)
    assert WORD not in text(secret)
    assert WORD not in repr([secret, {"a": secret}])
    assert secret.reveal() == WORD


def test_is_refused_where_it_would_be_readable() -> None:
    """A log that is not encrypted does not take it, and says where it is."""
    with pytest.raises(UnrecordableError, match="secret") as caught:
        af.Codec().to_data({"login": [af.Secret(WORD)]}, path="inputs")

    assert caught.value.path == "inputs.login[0]"
    assert WORD not in "".join(traceback.format_exception(caught.value))


def test_comes_back_as_it_was() -> None:
    """It is written the same way whenever it is written, and equal when it is read."""
    codec = af.Codec(payload=Xor())
    data = codec.to_data(af.Secret({"a": 1, "t": (2, 3)}))
    back = codec.from_data(data)

    assert WORD not in str(data)
    assert back == af.Secret({"a": 1, "t": (2, 3)})
    assert back != af.Secret("other")
    assert codec.to_data(back) == data
    assert codec.from_data(data, af.Secret) == back


@pytest.mark.parametrize("value", [WORD, "", "\ud800", b"x", None, ["x"]])
def test_is_equal_to_the_same_secret_only(value: object) -> None:
    """Whatever is in it, even half a character; what is not secret is another thing."""
    assert af.Secret(value) == af.Secret(value)
    assert af.Secret(value) != af.Secret("other")
    assert af.Secret(value) != value
    assert af.Secret(value) == ANY


def test_is_secret_once() -> None:
    """What is secret already need not be hidden again, and is not, by mistake."""
    with pytest.raises(TypeError, match="secret already"):
        af.Secret(af.Secret(WORD))


def test_is_as_deep_as_what_is_in_it() -> None:
    """What can be written in one can be read; it is a level of its own."""
    codec = af.Codec(payload=Xor())
    deep: list[object] = []
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]

    assert codec.from_data(codec.to_data(af.Secret(deep))) == af.Secret(deep)
    with pytest.raises(UnrecordableError, match="deeper"):
        codec.to_data(af.Secret([deep]))


def test_cannot_be_a_key() -> None:
    """Keys of mappings are shown, so a secret is none."""
    with pytest.raises(TypeError, match="unhashable"):
        {af.Secret(WORD): 1}


class Salted(Xor):
    """One that never writes the same twice, as good encryption."""

    def __init__(self) -> None:
        self.salt = 0

    def encode(self, payload: bytes) -> bytes:
        """Put something new in front."""
        self.salt += 1
        return super().encode(b"%d|%s" % (self.salt, payload))

    def decode(self, stored: bytes) -> bytes:
        """Take it away."""
        return super().encode(stored).partition(b"|")[2]


def test_is_sealed_once() -> None:
    """So two records of a secret can be compared, and of what was read too."""
    codec = af.Codec(payload=Salted())
    secret = af.Secret(WORD)
    first = codec.to_data(secret)

    assert codec.to_data([secret]) == [first]
    assert codec.to_data(codec.from_data(first)) == first
    assert codec.to_data(af.Secret(WORD)) != first


def test_is_nowhere_in_clear(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the files of a log, nor its events, nor errors, nor commands show it."""
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "log.db"
    seen: list[str] = []
    with af.Runtime(path, definitions=[flow], codec=af.Codec(payload=Xor())) as rt:
        good = rt.start(flow, "ada", af.Secret(WORD), execution_id="good")
        bad = rt.start(flow, "eve", af.Secret(WORD), execution_id="bad")
        with pytest.raises(af.ExecutionFailed) as caught:
            bad.result(timeout=10)
        rt.signal("good", "go", af.Secret(WORD))
        assert good.result(timeout=10) == af.Secret({"token": WORD})
        for run in ("good", "bad"):
            seen += map(repr, rt.history(run))
            seen.append(repr(rt.state(run)))
            seen.append(repr(rt.row(run)))
        with pytest.raises(InputError) as refused:
            rt.start(flow, "ada", af.Secret(WORD), af.Secret(WORD))
        files = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    seen += [
        "".join(traceback.format_exception(each.value)) for each in (caught, refused)
    ]
    with closing(sqlite3.connect(path)) as raw:
        seen += map(str, raw.execute("SELECT data FROM event").fetchall())
    for words in (("show", "good"), ("events", "bad"), ("export", "good"), ("doctor",)):
        outcome = CliRunner().invoke(main, ["--db", str(path), *words])
        seen.append(outcome.output)
    seen += [caplog.text, *capsys.readouterr()]

    assert WORD.encode() not in files
    assert not [text for text in seen if WORD in text]
