"""The service in a thread of the tests' own process, and a client that says what it is told to."""

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from PIL import Image

from fakes import FakeFinder, fake_model
from helpers import drawn_face
from latent_ofer.images.load import load_image
from latent_ofer.pipeline import LatentOFER
from latent_ofer.web.app import App
from latent_ofer.web.engine import Engine
from latent_ofer.web.files import page_files
from latent_ofer.web.guard import Access
from latent_ofer.web.limits import Limits
from latent_ofer.web.sample import sample_files
from latent_ofer.web.server import listen, server_of

TOKEN = "a-token-of-the-tests"


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other threads do."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came about")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


@dataclass
class Served:
    """A running service; `ask` speaks HTTP to it, `connected` bytes."""

    port: int
    engine: Engine

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask as a program; underscores in names of headers stand for hyphens."""
        link = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            link.request(method, path, body, named)
            answer = link.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            link.close()

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.ask("POST", path, body, **{"Content_Type": "image/png", **headers})

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)


@contextmanager
def served(
    model: LatentOFER | None = None, limits: Limits | None = None, **access: Any
) -> Iterator[Served]:
    limits = limits or Limits()
    if model is None:
        model, _ = fake_model(FakeFinder([drawn_face()[1]]))
    engine = Engine(model, [load_image, load_image], limits.queue)
    allowed = Access(TOKEN, **access)
    files = page_files(TOKEN if allowed.free else "", sample_files(model))
    place = listen("127.0.0.1", 0)
    server = server_of(App(engine, allowed, limits, files))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
    thread.start()
    try:
        yield Served(place.getsockname()[1], engine)
    finally:
        server.should_exit = True
        thread.join()
        engine.close()


def photo(seed: int = 0, form: str = "PNG", **options: Any) -> bytes:
    """The file of a drawn face."""
    stream = io.BytesIO()
    Image.fromarray(drawn_face(seed=seed)[0]).save(stream, form, **options)
    return stream.getvalue()


def as_form(*files: tuple[str, str, bytes], boundary: str = "b0undary") -> tuple[bytes, str]:
    """A form of (field, file name, bytes), and its content type."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
        f"Content-Type: image/png\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, file, data in files
    ]
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"
