"""LangGraph with its SQLite saver, and the durability that waits for it: ``sync``.

What it waits for is a superstep, so steps that follow each other are nodes of a graph;
tasks of its functional interface may go on before they are saved.
"""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count as counter
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph

from benchmarks.peers import THREADS, WARM_UP


class State(TypedDict):
    """What the nodes of the chain share."""

    n: int


def increment(state: State) -> State:
    """Do next to nothing."""
    return {"n": state["n"] + 1}


@task
def increment_item(n: int) -> int:
    """Do the same for an item."""
    return n + 1


class Graphs:
    """Graphs on one file."""

    def __init__(self, directory: Path) -> None:
        connection = sqlite3.connect(
            directory / "langgraph.db", check_same_thread=False
        )
        self._saver = SqliteSaver(connection)

        @entrypoint(checkpointer=self._saver)
        def gathering(count: int) -> int:
            items = [increment_item(n) for n in range(count)]
            return sum(item.result() for item in items)

        self._gathering = gathering
        self._threads = counter()

    def chain(self, count: int) -> Any:
        """Return a graph of nodes in a row."""
        graph = StateGraph(State)
        names = [f"step{number}" for number in range(count)]
        for name in names:
            graph.add_node(name, increment)
        for before, after in pairwise((START, *names, END)):
            graph.add_edge(before, after)
        return graph.compile(checkpointer=self._saver)

    def walk(self, chain: Any) -> None:
        """Take the steps of a chain."""
        self._invoke(chain, {"n": 0})

    def gather(self, count: int) -> None:
        """Take steps beside each other."""
        self._invoke(self._gathering, count)

    def _invoke(self, graph: Any, given: Any) -> None:
        thread = {"thread_id": str(next(self._threads))}
        config = {"configurable": thread, "recursion_limit": 100_000}
        graph.invoke(given, config, durability="sync")


def chain(directory: Path, count: int) -> float:
    """Walk a graph of nodes."""
    graphs = Graphs(directory)
    nodes = graphs.chain(count)
    graphs.walk(nodes)
    began = time.perf_counter()
    graphs.walk(nodes)
    return time.perf_counter() - began


def fan_out(directory: Path, count: int) -> float:
    """Begin all tasks, then wait for them."""
    graphs = Graphs(directory)
    graphs.gather(WARM_UP)
    began = time.perf_counter()
    graphs.gather(count)
    return time.perf_counter() - began


def executions(directory: Path, count: int) -> float:
    """Invoke on threads: an invocation holds the one it is made on."""
    graphs = Graphs(directory)
    nodes = graphs.chain(3)
    graphs.walk(nodes)
    with ThreadPoolExecutor(THREADS) as pool:
        began = time.perf_counter()
        for _ in pool.map(lambda _: graphs.walk(nodes), range(count)):
            pass
        return time.perf_counter() - began
