"""Streamlit's scripts and styles, compressed once, kept on disk, and served from memory."""

import gzip
import hashlib
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from mimetypes import guess_type
from pathlib import Path
from typing import NamedTuple

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

_COMPRESSIBLE = frozenset({".css", ".html", ".js", ".json", ".svg"})
_LEAST_BYTES = 1_000
_VOLATILE = frozenset({"index.html", "manifest.json"})  # the names of all others hold their hash


class Codec(NamedTuple):
    suffix: str
    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


# All 23 MB of Streamlit 1.67: brotli 5, 7, 9 give 6.3, 6.2, 6.2 MB in 0.8, 1.5, 5.2 s of CPU; 11 saves
# another tenth for a minute. gzip 6 gives 6.9 MB in 0.8 s. In the order of preference.
CODECS = {
    "br": Codec(".br", lambda content: brotli.compress(content, quality=7), brotli.decompress),
    "gzip": Codec(".gz", lambda content: gzip.compress(content, 6, mtime=0), gzip.decompress),
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it was installed, and its compressed forms by name of their encoding, as far as ready."""

    path: Path
    bodies: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)

    def prepare(self, store: Path) -> None:
        """Fill ``bodies`` from the store, and the store where it lacks one or has a damaged one."""
        content = self.path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:32]
        for encoding, codec in CODECS.items():
            kept = store / f"{digest}{codec.suffix}"
            self.etags[encoding] = f'"{digest}{codec.suffix}"'
            self.bodies[encoding] = _kept(kept, codec, content) or _keep(kept, codec.compress(content))

    def response(self, encoding: str, request: Headers) -> Response:
        """The compressed file, or 304 if the browser has it."""
        headers = {
            "Content-Encoding": encoding,
            "Vary": "Accept-Encoding",
            "ETag": self.etags[encoding],
            "Cache-Control": "no-cache"
            if self.path.name in _VOLATILE
            else "public, immutable, max-age=31536000",
        }
        known = {tag.strip().removeprefix("W/") for tag in request.get("if-none-match", "").split(",")}
        if self.etags[encoding] in known:
            return Response(status_code=304, headers=headers)
        return Response(self.bodies[encoding], media_type=guess_type(self.path)[0], headers=headers)


class StaticFolder:
    """The compressible files below a folder, by URL path; compressed as far as ``prepare`` has come."""

    def __init__(self, root: Path, store: Path) -> None:
        self._store = store
        index = (root / "index.html").read_text("utf-8")
        paths = [path for path in root.rglob("*") if path.suffix in _COMPRESSIBLE and _is_worth_it(path)]
        # What the page asks for first comes first.
        paths.sort(key=lambda path: path.name not in index)
        self._files = {f"/{path.relative_to(root).as_posix()}": StaticFile(path) for path in paths}
        self._files["/"] = self._files["/index.html"]

    def prepare(self) -> None:
        """Compress all files, once on this machine. For a thread of its own: seconds, without the GIL."""
        try:
            self._store.mkdir(parents=True, exist_ok=True)
            for file in self._files.values():
                file.prepare(self._store)
        except OSError as error:
            logger.warning("Scripts go out uncompressed, because they can't be kept on disk: %s", error)

    def get(self, path: str) -> StaticFile | None:
        return self._files.get(path)


class CompressedStatic:
    """Answers for a static file with its compressed form, where there is one and the browser takes it."""

    def __init__(self, app: ASGIApp, files: StaticFolder) -> None:
        self.app = app
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_read = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        file = self._files.get(scope["path"]) if is_read else None
        if file is None:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        encoding = _encoding(headers.get("accept-encoding", ""), file.bodies)
        if encoding is None or "range" in headers:  # parts are cut out of the file as it is
            await self.app(scope, receive, _varying(send))
        else:
            await file.response(encoding, headers)(scope, receive, send)


def _is_worth_it(path: Path) -> bool:
    return path.name == "index.html" or path.stat().st_size >= _LEAST_BYTES


def _kept(path: Path, codec: Codec, content: bytes) -> bytes | None:
    """The compressed form from disk, if it is there and whole."""
    try:
        body = path.read_bytes()
        return body if codec.decompress(body) == content else None
    except (OSError, EOFError, brotli.error):  # gzip's own errors are OSErrors
        return None


def _keep(path: Path, body: bytes) -> bytes:
    """Write a file that other processes see whole or not at all."""
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(body)
    unfinished.replace(path)
    return body


def _encoding(accepted: str, ready: dict[str, bytes]) -> str | None:
    """The best encoding that is ready and that an Accept-Encoding header takes."""
    refused = re.compile(r";\s*q=0(\.0*)?\s*$")
    names = {item.split(";")[0].strip().lower() for item in accepted.split(",") if not refused.search(item)}
    return next((name for name in CODECS if name in names and name in ready), None)


def _varying(send: Send) -> Send:
    async def with_vary(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).add_vary_header("Accept-Encoding")
        await send(message)

    return with_vary
