"""The page's own files, read once: nothing else of the file system is ever served."""

from importlib import resources
from typing import Final

from latent_ofer import __version__
from latent_ofer.web.app import Files

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "jpg": "image/jpeg",
}


def page_files(token: str, more: Files) -> Files:
    """What is served: path -> media type, bytes.

    Parameters
    ----------
    token : str
        What the page shall carry; empty where its user has to know it.
    more : dict of str to (str, bytes)
        Further files.
    """
    files = {}
    for file in resources.files(__package__).joinpath("page").iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            files[path] = (kind, file.read_bytes())
    for path, placeholder, value in (
        ("/", b"TOKEN-OF-THIS-RUN", token.encode()),
        ("/openapi.json", b"VERSION-OF-THE-PACKAGE", __version__.encode()),
    ):
        kind, data = files[path]
        files[path] = (kind, data.replace(placeholder, value))
    return {**files, **more}
