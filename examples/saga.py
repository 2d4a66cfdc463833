"""A journey that is booked whole or not at all: what was done is undone, last first.

Run it with ``python examples/saga.py``: one traveller gets a flight, a room and a car;
for another there is no car left, so the room and the flight are given back.
"""

from __future__ import annotations

import actorflow as af

CARS = ["a small car"]


def cancel_flight(result: str) -> None:
    """Give the seat back."""
    print(f"  cancelled: {result}")


def cancel_room(result: str, traveller: str) -> None:
    """Give the room back; its parameters are bound by name, as ever."""
    print(f"  cancelled: {result}; sorry, {traveller}")


@af.activity(compensate=cancel_flight)
def book_flight(traveller: str) -> str:
    """Book a seat."""
    return f"a seat for {traveller}"


@af.activity(compensate=cancel_room)
def book_room(traveller: str, nights: int) -> str:
    """Book a room."""
    return f"a room for {traveller}, {nights} nights"


@af.activity
def rent_car() -> str:
    """Rent a car, if there is one."""
    if not CARS:
        raise af.ActivityError("no car is left", type="sold_out")
    return CARS.pop()


journey = (
    af.Flow("journey", inputs=["traveller", af.Input("nights", default=3)])
    .then(book_flight, into="flight")
    .then(book_room, into="room")
    .then(rent_car, into="car")
    .output("flight", "room", "car")
    .build()
)


def main() -> None:
    """Book two journeys; there is one car."""
    with af.Runtime(":memory:", definitions=[journey]) as runtime:
        for traveller in ("Ada", "Grace"):
            print(traveller)
            result = runtime.start(journey, traveller=traveller).wait(timeout=10)
            if result.status == "completed":
                print(f"  booked: {', '.join(result.output.values())}")
            else:
                why = result.error.message if result.error else ""
                print(f"  {result.status}: {why}")


if __name__ == "__main__":
    main()
