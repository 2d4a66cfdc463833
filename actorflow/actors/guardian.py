"""The guardian: parent of all actors of a system that have no other parent."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef
from actorflow.actors.supervision import Directive, Supervision

logger = logging.getLogger(__name__)


class Guardian(PooledActor):
    """Keeps the actors of a system, and is registered with Pykka in their place."""

    supervision: ClassVar[Supervision] = Supervision(exceeded=Directive.STOP)

    def on_child_failure(
        self, child: PooledRef[Any], error: BaseException
    ) -> Directive:
        """Restart *child* a few times, then stop it; there is nobody to escalate to."""
        directive = super().on_child_failure(child, error)
        if directive is Directive.STOP:
            logger.error("%s failed too often and is stopped", child)
        return directive
