"""Activities that most workflows need sooner or later; a file names them.

``Runtime(..., activities=BASIC)`` makes these known: they touch nothing but the
standard output and the network. What runs programs or touches files is not among them
and has to be imported on purpose: `actorflow.activities.shell`,
`actorflow.activities.files`.
"""

from actorflow.activities.basic import fail, json, now, print_, random
from actorflow.activities.web import http
from actorflow.activities.webhook import webhook

BASIC = (print_, http, json, now, random, fail)
"""All of the harmless ones."""

__all__ = ["BASIC", "fail", "http", "json", "now", "print_", "random", "webhook"]
