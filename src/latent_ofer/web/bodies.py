"""What a request brings, read into memory under limits: nothing of it touches the disk."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from latent_ofer.web.limits import Limits, RefusedError, busy

_FORM: Final = "multipart/form-data"
_RAW: Final = ("image/", "application/octet-stream")


@dataclass(frozen=True)
class Upload:
    """One image as it came: a name that somebody gave it, and its bytes."""

    name: str | None
    data: bytes = field(repr=False)


class Budget:
    """The bytes of all requests that are in memory at a time."""

    def __init__(self, most: int) -> None:
        self._left = most

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """A share that grows as bytes come and is given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self._left += share.taken

    def take(self, count: int) -> None:
        """Raises RefusedError where there is no room."""
        if count > self._left:
            raise busy()
        self._left -= count


@dataclass
class Share:
    """What one request has of a budget."""

    budget: Budget
    taken: int = 0

    def take(self, count: int) -> None:
        """Raises RefusedError where there is no room."""
        self.budget.take(count)
        self.taken += count


class _InMemory(MultiPartParser):
    spool_max_size = sys.maxsize  # Starlette's own writes what is larger to a temporary file


def is_raw(content_type: str) -> bool:
    """Whether a body of this type is one image and nothing else."""
    return content_type.strip().lower().startswith(_RAW)


async def read_uploads(
    request: Request, share: Share, limits: Limits, most: int = 1
) -> list[Upload]:
    """The images of a request: its body, or the parts of a form that are named `file`.

    Raises
    ------
    RefusedError
        As 400, 408, 411, 413, 415 or 503.
    starlette.requests.ClientDisconnect
        If the client is gone.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        message = f"A body encoded as {encoding[:20]!r} is not taken: send the image as it is."
        raise RefusedError(415, "encoded", message)
    kind = request.headers.get("content-type", "").strip().lower()
    try:
        async with asyncio.timeout(limits.body_seconds):
            if kind.startswith(_FORM):
                return await _from_form(request, share, limits, most)
            if is_raw(kind):
                chunks = _limited(request, share, limits.image_bytes)
                return [Upload(None, b"".join([chunk async for chunk in chunks]))]
    except TimeoutError:
        message = f"The image did not arrive within {limits.body_seconds:g} s; send it again."
        raise RefusedError(408, "too_slow", message) from None
    message = "Send an image as image/... or application/octet-stream, or a form with `file`."
    raise RefusedError(415, "content_type", message)


async def _from_form(request: Request, share: Share, limits: Limits, most: int) -> list[Upload]:
    allowed = limits.image_bytes if most == 1 else limits.batch_bytes
    chunks = _limited(request, share, allowed + limits.envelope_bytes)
    parser = _InMemory(
        request.headers, chunks, max_files=most, max_fields=8, max_part_size=limits.envelope_bytes
    )
    try:
        form = await parser.parse()
    except MultiPartException as problem:
        raise RefusedError(400, "bad_form", f"The form cannot be read: {problem.message}") from None
    async with _closing(form.getlist("file")) as files:
        uploads = [Upload(file.filename, await file.read()) for file in files]
    if not uploads:
        raise RefusedError(400, "no_file", "The form has no file: send one as `file`.")
    return uploads


class _closing:  # noqa: N801
    def __init__(self, items: list[UploadFile | str]) -> None:
        self._files = [item for item in items if isinstance(item, UploadFile)]

    async def __aenter__(self) -> list[UploadFile]:
        return self._files

    async def __aexit__(self, *_: object) -> None:
        for file in self._files:
            await file.close()


async def _limited(request: Request, share: Share, most: int) -> AsyncGenerator[bytes, None]:
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most:
        raise too_large(most)
    left = most
    async for chunk in request.stream():
        left -= len(chunk)
        if left < 0:
            raise too_large(most)
        share.take(len(chunk))
        yield chunk


def too_large(most: int) -> RefusedError:
    """The answer to more bytes than are read."""
    message = f"More than {most / 2**20:.0f} MiB are not read: send a smaller image, or fewer."
    return RefusedError(413, "too_large", message)
