"""Accounts that remember: actors of one's own, and a transfer between two of them.

Run it with ``python examples/accounts.py [FILE]``. Each account is an actor by key,
made of its events. A transfer is a flow, so it survives a crash between its two halves;
and since every try carries the same key, an account takes each half once.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import actorflow as af


@af.event
class Booked:
    """So much came (or went, if negative), under a key that is used once."""

    amount: int
    key: str


class Account(af.EventSourcedActor):
    """One account; asked by several, it answers one at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.balance = 0
        self.keys: set[str] = set()

    def book(self, amount: int, key: str) -> int:
        """Book once; return the balance."""
        if key in self.keys:
            return self.balance
        if self.balance + amount < 0:
            raise ValueError(f"{self.balance} is all there is")
        self.persist(Booked(amount, key))
        return self.balance

    def apply(self, event: Booked) -> None:
        """Fold."""
        self.balance += event.amount
        self.keys.add(event.key)


def transfers(runtime_of: list[af.Runtime]) -> af.Flow:
    """Return the flow of a transfer, on the accounts of a runtime."""

    @af.activity
    def book(ctx: af.ActivityContext, account: str, amount: int) -> int:
        actor = runtime_of[0].actor(Account, account)
        return int(actor.ask("book", amount, ctx.idempotency_key))

    def taking(state: Any) -> dict[str, Any]:
        return {"account": state["source"], "amount": -state["amount"]}

    def giving(state: Any) -> dict[str, Any]:
        return {"account": state["target"], "amount": state["amount"]}

    return (
        af.Flow("transfer", inputs=["source", "target", "amount"])
        .then(book, name="take", input=taking, into="left")
        .then(book, name="give", input=giving, into="there")
        .output("left", "there")
        .build()
    )


def transfer(log: str | Path, number: int, amount: int) -> af.ExecutionResult:
    """Move *amount* from Ada to Grace, once for each *number*."""
    runtimes: list[af.Runtime] = []
    flow = transfers(runtimes)
    with af.Runtime(log, definitions=[flow]) as runtime:
        runtimes.append(runtime)
        runtime.actor(Account, "ada").ask("book", 100, "opening")
        run = runtime.start(
            flow, "ada", "grace", amount, execution_id=f"transfer-{number}"
        )
        return run.wait(timeout=10)


def main() -> None:
    """Transfer, twice the same; then more than there is."""
    with tempfile.TemporaryDirectory() as directory:
        log = sys.argv[1] if len(sys.argv) > 1 else Path(directory, "accounts.db")
        print(transfer(log, 1, 30).output)
        print(transfer(log, 1, 30).output, "- the same transfer, another process")
        failed = transfer(log, 2, 500).error
        print(f"refused: {failed.message if failed else 'nothing'}")


if __name__ == "__main__":
    main()
