"""Whether a body comes from who it says: HMAC, compared in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Sequence


def signature_of(body: bytes, secret: str, *, prefix: str = "sha256=") -> str:
    """Return the signature of the raw *body*, as a header carries it."""
    return prefix + hmac.new(secret.encode(), body, "sha256").hexdigest()


def is_signed(
    body: bytes, given: str, secrets: Sequence[str], *, prefix: str = "sha256="
) -> bool:
    """Return whether *given* is the signature of *body* under any of *secrets*."""
    # All of them are tried: how long it takes tells nothing of which one fits.
    wanted = given.strip().encode("utf-8", "replace")
    fits = [
        hmac.compare_digest(signature_of(body, each, prefix=prefix).encode(), wanted)
        for each in secrets
    ]
    return any(fits)


def is_token(given: str, token: str) -> bool:
    """Return whether the value of an Authorization header carries *token*."""
    kind, _, value = given.partition(" ")
    same = hmac.compare_digest(value.strip().encode("utf-8", "replace"), token.encode())
    return same and kind.lower() == "bearer"
