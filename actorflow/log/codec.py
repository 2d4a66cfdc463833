"""The codec: what a log writes for an event or a value, and what it makes of it later.

An event is a tag and a JSON text. The tag names the class for ever, and finds its hooks
in a table: no tagged union on the hot path. Fields with their default are left out.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson
from attrs import frozen

from actorflow.errors import LogUnavailableError, UnreadableError, UnrecordableError
from actorflow.log.blobs import BlobStore
from actorflow.log.claims import Claims
from actorflow.log.classes import KnownClasses, is_record
from actorflow.log.encoders import Encoders, place
from actorflow.log.eventhooks import Hooks, model_hooks, user_hooks
from actorflow.log.hints import Shaper, normal
from actorflow.log.stdtypes import TAG, Refused
from actorflow.log.values import Values
from actorflow.model.events import TAGS, Data
from actorflow.model.paths import BLOB
from actorflow.model.secret import Secret

UPCAST: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""tag -> how to read the payload that an older version wrote.  Never remove one."""

_ATOMS = frozenset({type(None), bool, int, float, str})
SECRET = "secret"  # noqa: S105 - a tag on the wire
_ENCRYPTED = '{"$enc":'
# What the codec has not turned into JSON types is a mistake, not a convenience.
_OPTIONS = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


class PayloadCodec(Protocol):
    """Changes payloads on their way into the log: encryption, compression.

    Covers events, snapshots and the arguments of inbox commands. What lists and
    searches need (names, types, statuses, waits, search attributes) stays readable.
    Either way may raise `LogUnavailableError` if trying again may help; whatever else
    it raises means that this payload cannot be recorded, or read.

    Attributes:
        name: written beside every payload, and checked before decoding it.
    """

    name: str

    def encode(self, payload: bytes) -> bytes:
        """Return what to store for *payload*."""
        ...

    def decode(self, stored: bytes) -> bytes:
        """Return the payload that was stored as *stored*."""
        ...


@frozen
class UnknownEvent:
    """An event whose tag nobody here knows: from a newer version, or not registered."""

    tag: str
    data: Data


class Codec:
    """Turns events and values into JSON and back.

    Args:
        payload: changes every payload on its way in and out; rows written without it
            stay readable.
    """

    def __init__(self, *, payload: PayloadCodec | None = None) -> None:
        self._classes = KnownClasses()
        self._encoders = Encoders(self._classes)
        self._values = Values(self._classes, self._encoders)
        self._shaper = Shaper()
        self._payload = payload
        self._encoders[Secret] = self._write_secret
        self._values.untagged(SECRET, self._read_secret)
        self._claims = Claims(self._text, self._sealed, self._opened)
        self._values.redeem = self._claims.redeem
        self._upcast = dict(UPCAST)
        self._write: dict[type[Any], tuple[str, Callable[[Any], Data]]] = {}
        self._read: dict[str, Callable[[Any], Any]] = {}
        for tag, cls in TAGS.items():
            self._add_event(tag, cls, model_hooks(cls))

    # -- values --

    def to_data(self, value: Any, hint: Any = Any, *, path: str = "value") -> Data:
        """Return *value* as a JSON tree that shares nothing with it.

        The tree says itself what it was made from; *hint* only tells which classes may
        be read back by this process.

        Raises:
            UnrecordableError: part of it cannot be recorded; the error has its path.
        """
        if hint is not Any:
            self.learn(hint)
        try:
            return self._encoders[type(value)](value, 0)
        except Refused as refused:
            raise UnrecordableError(*place(refused, path)) from None
        except RecursionError:
            raise UnrecordableError(path, "it is nested too deep") from None

    def to_record(self, value: Any, hint: Any = Any, *, path: str = "value") -> Data:
        """Return the same as `to_data`; of a large value, only a reference to it."""
        return self._claims.check_in(self.to_data(value, hint, path=path))

    def to_refer(self, data: Data) -> Data:
        """Return *data*, or, if it is large, a reference to it."""
        return self._claims.check_in(data)

    def redeemed(self, data: Data) -> Data:
        """Return *data*; of a reference, what it stands for.

        Raises:
            BlobError: that cannot be had.
        """
        is_reference = isinstance(data, dict) and data.get(TAG) == BLOB
        return self._claims.redeem(data) if is_reference else data

    def keep_large(self, store: BlobStore, *, over: int | None = None) -> None:
        """Keep values whose JSON is longer than *over* bytes in *store*.

        With None all are written into the log, as ever; references are still read.
        """
        self._claims.store, self._claims.over = store, over

    @property
    def blobs(self) -> BlobStore | None:
        """Where large values are kept, if that is known."""
        return self._claims.store

    def check_blob(self, key: str, content: bytes) -> None:
        """Raise unless *content* is what is stored under *key*.

        What another payload codec has encrypted cannot be looked into, and is believed.

        Raises:
            BlobCorruptError: it is not.
        """
        mine = self._payload is not None or not content.startswith(_ENCRYPTED.encode())
        if mine:
            self._claims.check(key, content)

    def from_data(self, data: Data, hint: Any = Any, *, path: str = "value") -> Any:
        """Return what *data* was made from, as *hint* asks for it.

        Raises:
            UnreadableError: it is something else, or of a class not known here.
        """
        kind = type(data)
        if kind is hint and kind in _ATOMS:
            return data
        if hint is Any or (hint := normal(hint)) is Any:
            if kind in _ATOMS:
                return data
            return self._values.read(data, path, foreign=None)
        self.learn(hint)
        foreign: list[Any] = []
        value = self._values.read(data, path, foreign=foreign)
        shaped = self._shaper.shape(value, hint, path)
        for each in foreign:
            if not each.taken:
                self._values.read(data, path, foreign=None)  # tells where and why not
        return shaped

    def register(
        self,
        cls: type[Any],
        *,
        name: str | None = None,
        encode: Callable[[Any], Any] | None = None,
        decode: Callable[[Any], Any] | None = None,
    ) -> None:
        """Let values of *cls* be recorded and read.

        Args:
            cls: the class.
            name: written instead of ``module:qualname``, so that the class may move.
                Register a class under an old name as well to read what was written
                under it; the name given last is written.
            encode: returns a recordable value for an instance. attrs classes,
                dataclasses, named tuples and enums need none.
            decode: makes an instance from that.
        """
        written = self._classes.add(cls, name)
        self._encoders.pop(cls, None)  # its name may have changed
        if encode is not None:
            self._values.teach(cls, written, encode, decode or cls)

    def learn(self, hint: Any) -> None:
        """Let the classes that an annotation mentions be read, through all fields."""
        self._classes.learn(hint)

    def trust(self, module: str) -> None:
        """Let the classes that an imported *module* defines be read."""
        self._classes.trust(module)

    # -- events --

    def register_event(
        self,
        cls: type[Any],
        tag: str | None = None,
        *,
        upcast: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> str:
        """Let *cls* be an event; return its tag, by default the name of the class.

        Args:
            cls: an attrs class or dataclass; its fields are values.
            tag: what names the class in the log, for ever.
            upcast: brings the recorded fields of an older version up to date.

        Raises:
            ValueError: *tag* means another class already.
        """
        tag = tag or cls.__name__
        taken = next((c for c, (t, _) in self._write.items() if t == tag), cls)
        if taken.__qualname__ != cls.__qualname__ or taken.__module__ != cls.__module__:
            raise ValueError(f"the event tag {tag!r} is {taken}; give {cls} another")
        if not is_record(cls):
            raise TypeError(f"{cls} has no fields; make it an attrs class or dataclass")
        self._classes.learn(cls)
        self._add_event(tag, cls, user_hooks(cls, tag, self.to_data, self.from_data))
        if upcast is not None:
            self._upcast[tag] = upcast
        return tag

    def encode(self, event: Any) -> tuple[str, str]:
        """Return the tag and the text to store for *event*."""
        try:
            tag, unstructure = self._write[type(event)]
        except KeyError:
            return self._encode_other(event)
        return tag, self.dumps(unstructure(event), path=tag)

    def _encode_other(self, event: Any) -> tuple[str, str]:
        if isinstance(event, UnknownEvent):
            return event.tag, self.dumps(event.data, path=event.tag)
        name = type(event).__qualname__
        raise UnrecordableError(name, "it is no event; codec.register_event(cls) first")

    def decode(self, tag: str, text: str) -> Any:
        """Return the event that was stored as *tag* and *text*.

        Raises:
            UnreadableError: the text does not fit the tag.
        """
        data = self.loads(text, path=tag)
        if (upcast := self._upcast.get(tag)) is not None:
            data = upcast(data)
        structure = self._read.get(tag)
        if structure is None:
            return UnknownEvent(tag, data)
        try:
            return structure(data)
        except UnreadableError:
            raise
        except KeyError as missing:
            raise UnreadableError(tag, f"{missing} is missing") from missing
        except Exception as error:
            raise UnreadableError(tag, f"{type(error).__name__}: {error}") from error

    # -- secrets --

    def _write_secret(self, secret: Secret, depth: int) -> Data:
        if self._payload is None:
            raise Refused(
                "it is secret, and this log is not encrypted; open it with "
                "Codec(payload=...), or record where the secret is to be found"
            )
        if secret.sealed is None:
            inner = self._text(self._encoders.of(secret.reveal(), depth + 1))
            sealed = orjson.loads(self._seal(self._payload, inner))
            secret.sealed = {TAG: SECRET, "v": sealed}
        return dict(secret.sealed)

    def _read_secret(self, data: dict[str, Any], read: Callable[[Any], Any]) -> Secret:
        secret = Secret(read(orjson.loads(self._unseal(data["v"]))))
        secret.sealed = data
        return secret

    def _add_event(self, tag: str, cls: type[Any], hooks: Hooks) -> None:
        self._write[cls] = (tag, hooks.unstructure)
        self._read[tag] = hooks.structure

    # -- texts --

    def dumps(self, data: Data, *, path: str = "value") -> str:
        """Return the text to store for a JSON tree."""
        try:
            payload = self._text(data)
        except TypeError as error:
            raise UnrecordableError(path, str(error)) from None
        if self._payload is None:
            return payload.decode()
        try:
            return self._seal(self._payload, payload)
        except LogUnavailableError:
            raise
        except Exception as error:
            raise UnrecordableError(path, f"its payload codec: {error}") from error

    def loads(self, text: str, *, path: str = "value") -> Data:
        """Return the JSON tree that was stored as *text*."""
        try:
            data = orjson.loads(text)
            if text.startswith(_ENCRYPTED):
                data = orjson.loads(self._unseal(data))
        except LogUnavailableError:
            raise
        except Exception as error:
            raise UnreadableError(path, f"not a readable payload: {error}") from error
        return data

    @staticmethod
    def _text(data: Data) -> bytes:
        return orjson.dumps(data, option=_OPTIONS)

    def _sealed(self, text: bytes) -> bytes:
        return (
            text if self._payload is None else self._seal(self._payload, text).encode()
        )

    def _opened(self, stored: bytes) -> bytes:
        is_sealed = stored.startswith(_ENCRYPTED.encode())
        return self._unseal(orjson.loads(stored)) if is_sealed else stored

    def _seal(self, codec: PayloadCodec, payload: bytes) -> str:
        stored = base64.b64encode(codec.encode(payload)).decode()
        return orjson.dumps({"$enc": codec.name, "v": stored}).decode()

    def _unseal(self, sealed: Mapping[str, Any]) -> bytes:
        name = None if self._payload is None else self._payload.name
        if self._payload is None or name != sealed["$enc"]:
            raise ValueError(
                f"it was stored by the payload codec {sealed['$enc']!r}, "
                f"and this log was opened with {name!r}"
            )
        return self._payload.decode(base64.b64decode(sealed["v"]))
