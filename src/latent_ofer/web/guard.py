"""Who may ask: the hosts, pages and programs that are let in, and what browsers are told.

A service on somebody's own machine is reached by every page that this person opens. So each request
has to name a host that is ours (a name that an attacker made point here is not), a page has to be
our own, and whatever is asked for beside the page itself needs a token that only our page carries.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from latent_ofer.web.bodies import is_raw
from latent_ofer.web.limits import RefusedError

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

SAFE_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]+)?")
_MARKS: Final = ("origin", "referer", "cookie", "sec-fetch-site", "sec-fetch-mode")
"""Headers that browsers set for pages, and a page cannot take away."""


@dataclass(frozen=True)
class Access:
    """Who is let in.

    Attributes
    ----------
    token : str
        What `Authorization: Bearer` has to carry.
    hosts : frozenset of str
        Names that a request may call this host by, in lower case.
    any_address : bool
        Also any IP address: no page's name can be one, so none points here by a trick.
    free : bool
        Programs need no token where no page could have sent the request: without any header that
        browsers set, and with a content type that a page may not send elsewhere without asking
        first, which is never granted.
    """

    token: str = field(repr=False)
    hosts: frozenset[str] = LOOPBACK
    any_address: bool = False
    free: bool = True

    def check(self, path: str, method: str, headers: Headers, public: bool) -> None:
        """Raise RefusedError unless a request may be answered; a `public` path needs no token."""
        host = _only(headers, "host")
        if host is None or not self._is_ours(host):
            reason = "This name is not one that the service is known by; see --allow-host."
            raise RefusedError(403, "foreign_host", reason)
        if "origin" in headers:
            origin = urlsplit(_only(headers, "origin") or "null")
            if origin.scheme not in ("http", "https") or origin.netloc != host:
                reason = "Another page asks: only the service's own page may."
                raise RefusedError(403, "foreign_origin", reason)
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            # A link may lead to the page; nothing may be taken into another one.
            opened = headers.get("sec-fetch-dest") == "document" and method == "GET"
            if not (opened and path == "/"):
                raise RefusedError(403, "foreign_page", "Another page asks: only our own may.")
        if not (public or self._may_ask(method, headers)):
            reason = "The token is missing or wrong: send it as Authorization: Bearer TOKEN."
            raise RefusedError(401, "token", reason)

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = (found[1] or found[2]).removesuffix(".")
        return name in self.hosts or (self.any_address and _is_address(name))

    def _may_ask(self, method: str, headers: Headers) -> bool:
        scheme, _, given = (_only(headers, "authorization") or "").partition(" ")
        if scheme.lower() == "bearer":
            # In steady time: how much of a guess is right must not show.
            return hmac.compare_digest(given.strip().encode(), self.token.encode())
        if not self.free or any(mark in headers for mark in _MARKS):
            return False
        return method in ("GET", "HEAD") or is_raw(headers.get("content-type", ""))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _only(headers: Headers, name: str) -> str | None:
    """The value of a header that came once, in lower case but for secrets; None otherwise."""
    values = headers.getlist(name)
    if len(values) != 1:
        return None
    return values[0] if name == "authorization" else values[0].lower()
