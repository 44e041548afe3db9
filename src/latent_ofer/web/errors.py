"""Refusals as answers: a code for programs, a sentence for people, nothing of what was sent."""

import asyncio
from typing import Any, Final

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from latent_ofer.web.limits import RefusedError

_LINGER: Final = 0.5
"""Seconds in which a sender that is still at it may read the answer before it is hung up on."""
_MORE: Final = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}


def as_error(refusal: RefusedError) -> dict[str, Any]:
    """How every error looks."""
    return {"error": {"code": refusal.code, "message": refusal.message}}


class Refusal(JSONResponse):
    """A refusal; `hang_up` where the rest of the request shall not be read."""

    def __init__(self, refusal: RefusedError, hang_up: bool) -> None:
        super().__init__(as_error(refusal), refusal.status, _MORE.get(refusal.status))
        self._hang_up = hang_up
        if hang_up:
            self.headers["Connection"] = "close"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if not self._hang_up:
            await super().__call__(scope, receive, send)
            return
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        # All of the answer is out; what is left open is the connection.
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await asyncio.sleep(_LINGER)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
