"""Small workflow files for tests."""

from __future__ import annotations

import pytest

import actorflow as af
from actorflow.model.files import loads

ORDERS = """
name: orders
inputs:
  - {name: order_id, type: string}
  - {name: limit, default: 100}
state: {retries: 0}
steps:
  - name: fetch
    activity: fetch_order
    parameters: {id: "${inputs.order_id}"}
    store: order
    retry: {max_attempts: 3, on: timeout, max_delay: 1m30s}
    catch: {goto: recover, store: error}
    next:
      - {step: audit, when: state.order.total > inputs.limit, branch: audit}
      - {step: ship, branch: ship}
      - {step: done, branch: final}
  - name: audit
    wait_signal: {topic: "audit-${inputs.order_id}", timeout: 1d, store: verdict}
  - name: ship
    activity: ship_order
    parameters: {order: "${state.order}"}
    store: parcel
  - name: done
    join:
      branches: [audit, ship]
      mappings: {audit.verdict: verdict, ship.parcel: parcel}
  - name: recover
    activity: refund
    parameters: {reason: "${state.error}"}
outputs:
  - {name: verdict, branch: final}
  - {name: parcel, branch: final}
"""


def text(top: str = "", *, step: str = "activity: work") -> str:
    """Return a small file: *step* from line 4 in its step, *top* from line 5."""
    return f"name: w\nsteps:\n- name: a\n  {step}\n{top}\n"


def problems(content: str, name: str = "w.yaml") -> list[str]:
    """Return everything that is said against *content*."""
    with pytest.raises(af.DefinitionError) as caught:
        loads(content, name=name)
    return list(caught.value.problems)
