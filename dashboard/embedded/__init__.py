"""The bundled PostgreSQL: initialised in the data folder, started, shared between processes, stopped."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from dashboard.embedded.configuration import PORT
from dashboard.embedded.folder import NAME, PASSWORD_FILE, Folder
from dashboard.embedded.programs import program, user_name
from dashboard.errors import EmbeddedError

__all__ = ["program", "running"]


@contextmanager
def running(data_dir: Path) -> Iterator[str]:
    """URL of the PostgreSQL in ``data_dir``, which is initialised, started or joined, as needed.

    Any number of processes and threads may be inside; the last to leave stops the server. One that is
    killed leaves it running, and the next one finds it. Raises EmbeddedError.
    """
    with ExitStack() as stack:
        yield _enter(Folder(data_dir.absolute()), stack)


def _enter(folder: Folder, stack: ExitStack) -> str:
    with _explained(folder.home):
        folder.home.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context(folder.file("postgres.lock"))
        users = stack.enter_context(folder.file("postgres.users"))
        with _locked(lock):
            fcntl.flock(users, fcntl.LOCK_SH)
            stack.callback(_leave, folder, lock, users)
            folder.check()
            folder.trim_log()
            stack.enter_context(folder.reachable())
            if not folder.is_answering():
                folder.start()
        password = quote((folder.cluster / PASSWORD_FILE).read_text().strip())
    return f"postgresql://{NAME}:{password}@:{PORT}/{NAME}?host={quote(folder.address)}"


def _leave(folder: Folder, lock: int, users: int) -> None:
    # Turning a shared lock into an exclusive one is not atomic; who might slip in waits for the other lock.
    with _locked(lock), suppress(BlockingIOError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder.stop()
        folder.forget_address()


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}" if error.filename else str(error)
        raise EmbeddedError(
            f"PostgreSQL can't be kept in the data folder {home} ({reason}). Make it a folder that "
            f"{user_name(os.geteuid())} may write, or choose another DASHBOARD_DATA_DIR."
        ) from error
