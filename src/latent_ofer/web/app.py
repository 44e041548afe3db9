"""The service as an ASGI app: the page's own files, the API, and how it feels."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from latent_ofer.errors import ImageError, LatentOFERError
from latent_ofer.web.answers import answer, refused
from latent_ofer.web.bodies import Budget, Upload, read_uploads
from latent_ofer.web.engine import Engine, Reading
from latent_ofer.web.errors import Refusal, as_error
from latent_ofer.web.guard import SAFE_HEADERS, Access
from latent_ofer.web.limits import Limits, RefusedError, busy
from latent_ofer.web.metrics import Metrics
from latent_ofer.web.parameters import Wanted, wanted

Files = Mapping[str, tuple[str, bytes]]
"""What the page is made of: path -> media type, bytes."""

_LOG: Final = logging.getLogger(__name__)


class App:
    """Answers each path, behind what `access` lets in.

    Parameters
    ----------
    engine : Engine
    access : Access
    limits : Limits
    files : dict of str to (str, bytes)
        The only files that are served, from memory.
    """

    def __init__(self, engine: Engine, access: Access, limits: Limits, files: Files) -> None:
        self.files = dict(files)
        self._engine = engine
        self._access = access
        self._limits = limits
        self._budget = Budget(limits.all_bytes)
        self._metrics = Metrics(engine)
        self._asked: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/metrics": self._counts,
        }
        self._posted: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/v1/predict": self._predict,
            "/v1/predict/batch": self._predict_batch,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        assert scope["type"] == "http"
        request = Request(scope, receive)
        try:
            response = await self._answer(request, scope["path"])
        except ClientDisconnect:
            return
        except RefusedError as refusal:
            response = _refusal(refusal, request)
        except LatentOFERError:
            response = _refusal(busy(), request)
        except Exception as problem:
            kind = type(problem).__name__
            _LOG.error("a request failed: %s", kind)  # its text may hold something of the request
            message = f"A fault of ours ({kind}); please report it."
            response = _refusal(RefusedError(500, "internal", message), request)
        known = scope["path"] in {*self.files, *self._asked, *self._posted}
        path = scope["path"] if known else "other"
        self._metrics.count_request(path, response.status_code)
        response.headers.update(SAFE_HEADERS)
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response:
        public = path in self.files or path in ("/healthz", "/readyz")
        self._access.check(path, request.method, request.headers, public)
        if path in self._posted:
            allowed, handle = "POST", self._posted[path]
        elif path in self._asked:
            allowed, handle = "GET, HEAD", self._asked[path]
        elif path in self.files:
            allowed, handle = "GET, HEAD", self._file
        else:
            message = "There is nothing at this path; /openapi.json lists what there is."
            raise RefusedError(404, "no_path", message)
        if request.method not in allowed.split(", "):
            raise RefusedError(405, "no_method", f"Here only {allowed} is answered.")
        return await handle(request)

    async def _predict(self, request: Request) -> Response:
        told = (await self._read(request, 1))[0]
        if isinstance(told, RefusedError):
            return Refusal(told, hang_up=False)
        return JSONResponse(told)

    async def _predict_batch(self, request: Request) -> Response:
        most = min(self._limits.batch_images, self._engine.queue)
        images = [
            {"status": "error", **as_error(item)} if isinstance(item, RefusedError) else item
            for item in await self._read(request, most)
        ]
        return JSONResponse({"images": images})

    async def _read(self, request: Request, most: int) -> list[dict[str, Any] | RefusedError]:
        """What each image of a request gave: faces, or why it cannot be used."""
        asked = wanted(request.query_params)
        if not self._engine.has_room():
            raise busy()
        with self._budget.share() as share:
            uploads = await read_uploads(request, share, self._limits, most)
            images = [upload.data for upload in uploads]
            started = time.monotonic()
            try:
                async with asyncio.timeout(self._limits.answer_seconds):
                    read = await self._engine.read(images, asked.options, asked.extras)
                    told = await asyncio.to_thread(_answers, uploads, read, asked)
            except TimeoutError:
                raise busy() from None
        kinds = [item.code if isinstance(item, RefusedError) else item["status"] for item in told]
        faces = sum(len(item["faces"]) for item in told if isinstance(item, dict))
        self._metrics.count_images(kinds, faces, time.monotonic() - started)
        return told

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _readiness(self, _: Request) -> Response:
        if not self._engine.has_room():
            raise busy()
        return JSONResponse({"status": "ok"})

    async def _counts(self, _: Request) -> Response:
        return Response(self._metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    async def _file(self, request: Request) -> Response:
        kind, data = self.files[request.scope["path"]]
        return Response(data, media_type=kind)


def _answers(
    uploads: list[Upload], read: list[Reading | BaseException], asked: Wanted
) -> list[dict[str, Any] | RefusedError]:
    told: list[dict[str, Any] | RefusedError] = []
    for upload, reading in zip(uploads, read, strict=True):
        if isinstance(reading, ImageError):
            told.append(refused(reading))
        elif isinstance(reading, BaseException):
            raise reading
        else:
            told.append({"file": upload.name, **answer(reading, asked.pictures, asked.form)})
    return told


def _refusal(refusal: RefusedError, request: Request) -> Refusal:
    # Wherever the body may not have been read to its end.
    return Refusal(refusal, hang_up=request.method not in ("GET", "HEAD"))
