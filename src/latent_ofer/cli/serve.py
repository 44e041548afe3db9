"""`latent-ofer serve`: a page and an API on this machine."""

import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from latent_ofer.cli import options
from latent_ofer.cli.output import say
from latent_ofer.errors import LatentOFERError

if TYPE_CHECKING:
    from latent_ofer.web.guard import Access

_SHORTEST_TOKEN = 16


def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; this machine alone by default.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LATENT_OFER_TOKEN",
            metavar="SECRET",
            help="What every user has to know, 16 letters or more; needed where other machines "
            "may ask. Better given in the environment, where process lists do not show it.",
        ),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let other machines ask without a token.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name that this service is known by, such as that of a proxy before it. "
            "Repeat it for several.",
        ),
    ] = None,
    max_queue: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Images that may wait; more are answered with 503, try again."
        ),
    ] = 64,
    decoders: Annotated[
        int, typer.Option(min=1, metavar="N", help="Guarded processes that decode images.")
    ] = 2,
    backend: options.Backend = "auto",
    detector: options.Detector = "default",
    recogniser: options.ReadBy = "default",
    threads: options.Threads = None,
    weights: options.Weights = None,
) -> None:
    """Serve a page for the browser, and an API, on this machine.

    Drop photos on the page to see every face, what hides it, its repair and its apparent
    expression. Nothing leaves the machine, and nothing of an image is written to the disk or a log.

    The API is described at /openapi.json. Ctrl-C ends it.

    Exit code: 2 it could not start, 130 stopped by Ctrl-C, 143 by the system.
    """
    try:
        import prometheus_client  # noqa: F401
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"serve needs {error.name}, which is not installed: pip install 'latent-ofer[web]'"
        ) from error
    from latent_ofer.images.guarded import GuardedDecoder
    from latent_ofer.pipeline import LatentOFER
    from latent_ofer.web.app import App
    from latent_ofer.web.engine import Engine
    from latent_ofer.web.files import page_files
    from latent_ofer.web.limits import Limits
    from latent_ofer.web.sample import sample_files
    from latent_ofer.web.server import listen, server_of

    access = _access(host, token, insecure, allow_host or [])
    with ExitStack() as stack:
        place = stack.enter_context(listen(host, port))
        pool = [stack.enter_context(GuardedDecoder()) for _ in range(decoders)]
        for decoder in pool:
            decoder.start()
        model = LatentOFER.from_pretrained(
            weights, backend=backend, detector=detector, recogniser=recogniser, threads=threads
        )
        files = page_files(access.token if access.free else "", sample_files(model))
        engine = Engine(model, [decoder.read for decoder in pool], max_queue)
        stack.callback(engine.close)
        address = f"http://{f'[{host}]' if ':' in host else host}:{place.getsockname()[1]}/"
        say(f"Serving at {address} (Ctrl-C ends it); nothing goes any further.")
        if access.free:
            say(f"Programs that send forms need: Authorization: Bearer {access.token}")
        app = App(engine, access, Limits(queue=max_queue), files)
        server_of(app).run(sockets=[place])


def _access(host: str, token: str | None, insecure: bool, names: list[str]) -> "Access":
    """Who is let in. Raises LatentOFERError where others could ask without a token."""
    from latent_ofer.web.guard import LOOPBACK, Access

    if token is not None and (len(token) < _SHORTEST_TOKEN or not _is_plain(token)):
        raise LatentOFERError(
            f"--token needs {_SHORTEST_TOKEN} or more letters, digits and signs of ASCII; "
            f"such as {secrets.token_urlsafe(24)}"
        )
    here = host.lower() in LOOPBACK
    if token is None and not insecure and (names or not here):
        raise LatentOFERError(
            "other machines could ask: give a --token, or say --insecure if whoever reaches this "
            "address may use it"
        )
    return Access(
        token or secrets.token_urlsafe(32),
        LOOPBACK | {name.lower() for name in (host, *names)},
        any_address=not here,
        free=token is None,
    )


def _is_plain(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token
