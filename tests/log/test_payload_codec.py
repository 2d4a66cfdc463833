"""Payloads on their way through what encrypts or compresses them."""

from __future__ import annotations

import base64
import json
import zlib

import attrs
import pytest

from actorflow.errors import LogUnavailableError, UnreadableError, UnrecordableError
from actorflow.log.codec import Codec
from actorflow.model import events as model


class Zipped:
    """A payload codec."""

    name = "zip"

    def encode(self, payload: bytes) -> bytes:
        """Compress."""
        return zlib.compress(payload)

    def decode(self, stored: bytes) -> bytes:
        """Expand."""
        return zlib.decompress(stored)


@attrs.frozen
class Troubled(Zipped):
    """A payload codec that fails."""

    trouble: Exception

    def encode(self, payload: bytes) -> bytes:
        """Fail."""
        raise self.trouble

    def decode(self, stored: bytes) -> bytes:
        """Fail."""
        raise self.trouble


class TestPayloadCodec:
    """Encryption and compression."""

    def test_payload_is_changed(self) -> None:
        """What is stored is what the payload codec made, with its name."""
        codec = Codec(payload=Zipped())
        tag, text = codec.encode(model.ActivationCompleted("secret"))
        stored = json.loads(text)

        assert tag == "activation.completed"
        assert stored["$enc"] == "zip"
        assert zlib.decompress(base64.b64decode(stored["v"])) == b'{"result":"secret"}'
        assert codec.decode(tag, text) == model.ActivationCompleted("secret")

    def test_of_another_name(self) -> None:
        """It is not given what it has not written; the error has both names."""
        text = Codec(payload=Zipped()).dumps(5)
        other = Zipped()
        other.name = "squeeze"

        with pytest.raises(UnreadableError, match=r"'zip'.*'squeeze'"):
            Codec(payload=other).loads(text)

    def test_plain_rows_stay_readable(self) -> None:
        """A log that was written plainly is read by a codec that encrypts."""
        written = Codec().encode(model.ActivationCompleted(5))

        assert Codec(payload=Zipped()).decode(*written) == model.ActivationCompleted(5)

    def test_without_the_codec(self) -> None:
        """Without the codec, or with another one, the error says which it was."""
        written = Codec(payload=Zipped()).encode(model.ActivationCompleted(5))

        with pytest.raises(UnreadableError, match="'zip'"):
            Codec().decode(*written)

    @pytest.mark.parametrize("trouble", [ValueError, LogUnavailableError])
    def test_trouble(self, trouble: type[Exception]) -> None:
        """What may pass with time is no fault of the payload; all else is."""
        codec = Codec(payload=Troubled(trouble("no key")))
        passes = trouble is LogUnavailableError

        with pytest.raises(trouble if passes else UnrecordableError, match="no key"):
            codec.encode(model.ActivationCompleted(5))
        with pytest.raises(trouble if passes else UnreadableError, match="no key"):
            codec.decode("activation.completed", '{"$enc":"zip","v":""}')

    def test_damaged(self) -> None:
        """A payload that the codec cannot decode is unreadable."""
        with pytest.raises(UnreadableError):
            Codec(payload=Zipped()).decode("x", '{"$enc":"zip","v":"AAAA"}')
