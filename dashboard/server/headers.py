"""What every response tells the browser to refuse, and which requests are refused outright."""

import base64
import hashlib
import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def content_security_policy(index: str) -> str:
    """The policy under which Streamlit's page, given as its HTML, works and nothing leaves the host."""
    hashes = " ".join(f"'{_script_hash(script)}'" for script in _INLINE_SCRIPT.findall(index))
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {hashes}",  # no eval: Plotly needs it for WebGL traces (scattergl) only
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _script_hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


class SecurityHeaders:
    """Adds the security headers to every HTTP response that does not bring its own."""

    def __init__(self, app: ASGIApp, index: str) -> None:
        self.app = app
        self._headers = _FIXED | {"Content-Security-Policy": content_security_policy(index)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, guarded)


class OwnNamesOnly:
    """Refuses requests that a foreign page sends, or that come under a name that is not ours.

    A foreign page reaches a server on this machine by its address or, with DNS rebinding, by a name of its
    own. Streamlit checks WebSockets only, lets pages on any port of localhost through, and asks a host on
    the internet for this machine's address before it refuses one. Addresses need no list: rebinding needs
    a name.
    """

    def __init__(self, app: ASGIApp, names: tuple[str, ...]) -> None:
        self.app = app
        self._names = {_hostname(name) for name in ("localhost", *names)} - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._problem(Headers(scope=scope)) if scope["type"] in ("http", "websocket") else None
        if problem is None:
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse(problem, status_code=403)(scope, receive, send)

    def _problem(self, headers: Headers) -> str | None:
        host, origin = headers.get("host"), headers.get("origin")
        if host is not None and not self._is_ours(_hostname(host)):
            return f"{host!r} is not a name of this server. DASHBOARD_ALLOWED_HOSTS lists further ones."
        if origin is not None and urlsplit(origin).netloc.lower() != (host or "").lower():
            return f"Pages of {origin!r} may not use this server. A proxy must pass the Host header on."
        return None

    def _is_ours(self, name: str) -> bool:
        return name in self._names or _is_address(name)


def _hostname(host: str) -> str:
    """The name in a Host header, without the port; empty if there is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
