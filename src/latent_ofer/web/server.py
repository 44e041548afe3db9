"""One process that listens: connections that are too slow are hung up on, signals end it."""

import asyncio
import socket
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from latent_ofer.errors import LatentOFERError

_READ: Final = 2**14
"""Bytes that are read at a time, and may wait for the app, as many again."""
_HEADER_SECONDS: Final = 10
_STUCK_SECONDS: Final = 30
_CONNECTIONS: Final = 400

_NO_MORE: Final = b"Connection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\n" + _NO_MORE
_TOO_MANY: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n" + _NO_MORE


class PatientProtocol(H11Protocol):
    """uvicorn's, with what it lacks: limits for slow headers, slow readers and bytes in waiting."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._late: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        transport.max_size = _READ  # type: ignore[attr-defined]
        super().connection_made(transport)
        if len(self.connections) > _CONNECTIONS:
            self._hang_up(_TOO_MANY)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came, and no more than the app keeps up with."""
        super().data_received(data)
        if self.cycle is not None and len(self.cycle.body) >= _READ:
            self.flow.pause_reading()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the clocks."""
        for timer in (self._late, self._stuck):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give a client that does not read its answer some time."""
        super().pause_writing()
        self._stuck = self.loop.call_later(_STUCK_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()

    def _watch(self) -> None:
        """Keep a clock while a request's headers are awaited; uvicorn has one between requests."""
        awaited = self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None
        if not awaited and self._late is not None:
            self._late.cancel()
            self._late = None
        elif awaited and self._late is None:
            self._late = self.loop.call_later(_HEADER_SECONDS, self._hang_up, _TOO_SLOW)

    def _hang_up(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """Open the address. Raises LatentOFERError that says what to do where it cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=512)
    except (OSError, OverflowError) as problem:
        reason = (getattr(problem, "strerror", None) or str(problem)).partition(" (while")[0]
        raise LatentOFERError(
            f"{host}:{port} cannot be listened at: {reason}; choose another --port or --host"
        ) from problem


def server_of(app: Any) -> uvicorn.Server:
    """A server of an app; its `run(sockets=[...])` ends by a signal, and raises it again."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=10,
        )
    )
