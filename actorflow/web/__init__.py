"""An optional web application: executions started, signalled and answered by requests.

It listens to nothing by itself: serve it with any ASGI server. Needs the extra ``web``.
"""

from actorflow.web.app import create_app
from actorflow.web.webhook import Webhook, WebhookRequest

__all__ = ["Webhook", "WebhookRequest", "create_app"]
