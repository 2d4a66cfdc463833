"""The same work on actorflow, on plain SQLite, and on peers, each as its own docs say.

A contestant is a module with three functions that take a directory and a count, and
return the seconds that so many took:

- ``chain``: steps one after the other, each durable before the next begins;
- ``fan_out``: steps beside each other in one execution;
- ``executions``: executions of three steps, all started at once.

All write one SQLite file, and wait for the disk (``synchronous=FULL``) wherever they
would be durable. A step adds one to a number. Each run is a process of its own, and
warms up before it is timed.
"""

CONTESTANTS = ("actorflow", "sqlite", "dbos", "langgraph")
WORKS = ("chain", "fan_out", "executions")
WARM_UP = 20
THREADS = 16
"""From which executions are started, where starting waits."""
