"""One data folder with its cluster: checked, initialised, started, stopped."""

import fcntl
import hashlib
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import psutil

from dashboard.embedded.configuration import PORT, configuration
from dashboard.embedded.programs import (
    Account,
    becoming,
    bundled_version,
    environment,
    program,
    servant,
    user_name,
)
from dashboard.errors import EmbeddedError

NAME = "daybook"  # of the user and of the database
PASSWORD_FILE = "daybook.password"  # noqa: S105 - a file's name; it lives in the cluster and moves with it

START_SECONDS = 300.0  # recovery after a crash may have gigabytes of WAL to replay
STOP_SECONDS = 60.0
POLL_SECONDS = 0.002
LOG_BYTES = 10_000_000
SOCKET_PATH_BYTES = 103  # in sun_path, with its zero, on macOS; Linux has 107

log = logging.getLogger(__name__)


class Folder:
    """A data folder. All but ``file`` is to be called under the start lock.

    A server that we start inherits a lock on the cluster's folder. The kernel keeps it until the last process
    of that server is gone, so nobody has to guess from process ids: those may be stale, reused, those of
    zombies, or of another container.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cluster = home / "postgres"
        self.pid_file = self.cluster / "postmaster.pid"
        self.log = home / "postgres.log"

    @contextmanager
    def file(self, name: str, mode: int = 0o600) -> Iterator[int]:
        """Descriptor of a file beside the cluster; what root makes there is the folder owner's, too."""
        descriptor = os.open(self.home / name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, mode)
        try:
            if os.geteuid() == 0:
                owner = self.home.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            yield descriptor
        finally:
            os.close(descriptor)

    @cached_property
    def address(self) -> str:
        """The cluster's path or, where a socket's address can't hold it, a link to it in a private folder."""
        if _fits(str(self.cluster)):
            return str(self.cluster)
        digest = hashlib.sha256(os.fsencode(self.cluster)).hexdigest()[:16]
        links = (f"{base}/daybook-{os.geteuid()}-{digest}/pg" for base in (tempfile.gettempdir(), "/tmp"))  # noqa: S108
        return next(link for link in links if _fits(link))

    @contextmanager
    def reachable(self) -> Iterator[None]:
        """Keep the address in place. Raises EmbeddedError where a stranger made its folder."""
        if self.address == str(self.cluster):
            yield
            return
        private = Path(self.address).parent
        with suppress(FileExistsError):
            private.mkdir(mode=0o700)
        with _directory(private, os.O_NOFOLLOW) as descriptor:
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid() or found.st_mode & 0o022:
                raise EmbeddedError(
                    f"{private}, the way to PostgreSQL's socket, belongs to somebody else or is open to others. "
                    "Remove it, or choose a DASHBOARD_DATA_DIR with a shorter path."
                )
            fcntl.flock(descriptor, fcntl.LOCK_SH)  # systemd-tmpfiles leaves locked folders alone
            with suppress(FileExistsError):
                os.symlink(self.cluster, "pg", dir_fd=descriptor)
            yield

    def forget_address(self) -> None:
        """Remove what ``reachable`` made."""
        if self.address != str(self.cluster):
            with suppress(OSError):
                Path(self.address).unlink()
                Path(self.address).parent.rmdir()

    def check(self) -> None:
        """Raises EmbeddedError if there is a cluster that we can't run; changes nothing."""
        if not os.path.lexists(self.cluster):
            return
        if problem := self._problem():
            raise EmbeddedError(
                f"{self.cluster} {problem}. Move it away, or choose another DASHBOARD_DATA_DIR. "
                "Nothing in it was changed."
            )

    def _problem(self) -> str | None:
        if not self.cluster.is_dir():
            return "is not a folder"
        owner, user = self.cluster.stat().st_uid, os.geteuid()
        if user not in (0, owner):
            return f"belongs to user {user_name(owner)}, and this is user {user_name(user)}"
        for name in ("PG_VERSION", "global/pg_control", PASSWORD_FILE):
            if not (self.cluster / name).is_file():
                return f"is not a complete database of this program: it has no {name}"
        version = (self.cluster / "PG_VERSION").read_text().strip()
        if version != bundled_version():
            return f"is of PostgreSQL {version}, and the bundled one is {bundled_version()}"
        if user == owner == 0:
            return "belongs to root, as whom PostgreSQL refuses to run (chown -R it to another user)"
        return None

    def is_answering(self) -> bool:
        """Whether a server takes connections; waits for one that is on its way up or down."""
        deadline = time.monotonic() + START_SECONDS
        while self._is_held() or self._is_run_by_hand():
            if self._status() == "ready" and _accepts(self.address):
                return True
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL in {self.cluster} is still not up. {self._last_words()}")
            time.sleep(POLL_SECONDS)
        return False

    def start(self) -> None:
        """Start a server, in a new cluster if there is none, and wait for it."""
        self._configure()
        if not self.cluster.exists():
            self._initialise()
        self._tidy()
        self._spawn()
        if not self.is_answering():
            raise EmbeddedError(f"PostgreSQL in {self.cluster} did not start. {self._last_words()}")

    def stop(self) -> None:
        """Stop the server, if it is one that we started, without waiting for its clients."""
        deadline, asked = time.monotonic() + STOP_SECONDS, False
        while self._is_held():
            if not asked and (postmaster := self._postmaster()):
                with suppress(psutil.NoSuchProcess):
                    postmaster.send_signal(signal.SIGINT)
                asked = True
            if time.monotonic() > deadline:
                log.warning("PostgreSQL in %s is still stopping; see %s", self.cluster, self.log)
                return
            time.sleep(POLL_SECONDS)

    def _is_held(self) -> bool:
        """Whether a process of a server that we started is alive."""
        try:
            with _directory(self.cluster) as descriptor:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # no such folder
            return False
        return False

    def _is_run_by_hand(self) -> bool:
        """Whether somebody else's server is in there. Its pid file may still be empty, so this looks around."""
        return self.pid_file.exists() and any(map(self._is_at_work, psutil.process_iter()))

    def _is_at_work(self, process: psutil.Process) -> bool:
        try:
            return process.name() == "postgres" and self.cluster.samefile(process.cwd())
        except (psutil.Error, OSError):  # gone, a zombie, or somebody else's
            return False

    def _postmaster(self) -> psutil.Process | None:
        """The server's first process."""
        try:
            process = psutil.Process(int(self._pid_lines()[0]))
        except (psutil.Error, ValueError, IndexError):
            return None
        return process if self._is_at_work(process) else None

    def _pid_lines(self) -> list[str]:
        try:
            return self.pid_file.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def _status(self) -> str:
        """What the server says in the eighth line of its pid file: starting, ready, stopping."""
        return "".join(self._pid_lines()[7:8]).strip()

    def _last_words(self) -> str:
        tail = self.log.read_text(errors="replace").splitlines()[-8:] if self.log.exists() else []
        return "\n".join([f"The end of {self.log}:", *tail])

    def _configure(self) -> None:
        with self.file("postgres.conf", 0o644) as descriptor:
            os.fchmod(descriptor, 0o644)  # whatever the umask: the server may be another user
            os.ftruncate(descriptor, 0)
            os.write(descriptor, configuration().encode())

    def _tidy(self) -> None:
        """Remove what a killed server left behind; the lock says that there is none."""
        for leftover in (self.pid_file, *self.cluster.glob(".s.PGSQL.*")):
            leftover.unlink(missing_ok=True)

    def trim_log(self) -> None:
        """Keep the log small; a running server goes on writing to the same file, at its new end."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)

    def _spawn(self) -> None:
        # Through a shell that ends at once: the server is no child of ours, has no terminal and outlives us.
        with _directory(self.cluster) as held, self.file(self.log.name) as output:
            fcntl.flock(held, fcntl.LOCK_EX)
            server = (*self._account.prefix, str(program("postgres")), "-D", str(self.cluster))
            subprocess.run(
                ["sh", "-c", '"$@" &', "sh", *server],  # noqa: S607
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=environment(),
                pass_fds=(held,),
                start_new_session=True,
                check=True,
            )

    def _initialise(self) -> None:
        """Make a cluster, under another name until it is complete, so that a kill leaves no half-made one."""
        if leftovers := sorted(self.home.glob("postgres.partial-*")):
            log.warning("Interrupted first starts left these, which can be deleted: %s", leftovers)
        partial = Path(tempfile.mkdtemp(prefix="postgres.partial-", dir=self.home))
        try:
            if os.geteuid() == 0:
                os.chown(partial, self._account.uid, self._account.gid, follow_symlinks=False)
            self._fill(partial)
        except BaseException:
            with suppress(OSError):  # initdb that fails removes what it made; what is left stays
                partial.rmdir()
            raise
        partial.rename(self.cluster)
        with _directory(self.home) as descriptor:
            os.fsync(descriptor)

    def _fill(self, partial: Path) -> None:
        # The builtin locale sorts the same on every machine. The password goes through pipes only. Nothing is
        # forced to disk before the end (--no-sync, -F), and then everything.
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        self._run("initdb", "-D", str(partial), "-U", NAME, "-A", "trust", "--no-sync", *locale)
        password = secrets.token_urlsafe(32)
        self._append(partial / "postgresql.conf", "\ninclude_if_exists = '../postgres.conf'\n")
        self._append(partial / PASSWORD_FILE, f"{password}\n")
        self._run(
            *("postgres", "--single", "-F", "-D", str(partial), "-c", "exit_on_error=on"),
            *("-c", "log_min_error_statement=panic", "postgres"),
            script=f"ALTER ROLE {NAME} PASSWORD '{password}'\nCREATE DATABASE {NAME}\n",
        )
        self._run("sh", "-c", 'echo "local all all scram-sha-256" > "$0"', str(partial / "pg_hba.conf"))
        self._run("initdb", "-D", str(partial), "--sync-only")

    def _append(self, path: Path, text: str) -> None:
        # As the server's user: root writes nothing in a folder where somebody else could put a link.
        self._run("sh", "-c", 'umask 077 && cat >> "$0"', str(path), script=text)

    def _run(self, name: str, *arguments: str, script: str = "") -> None:
        command = name if name == "sh" else str(program(name))
        done = subprocess.run(
            [*self._account.prefix, command, *arguments],
            input=script,
            capture_output=True,
            text=True,
            cwd="/",
            env=environment(),
            check=False,
        )
        if done.returncode:
            raise EmbeddedError(f"{name} failed in {self.home}: {done.stderr.strip() or done.returncode}")

    @cached_property
    def _account(self) -> Account:
        """Ourselves; for root, as whom PostgreSQL refuses to run, the folder's owner or a servant."""
        if os.geteuid() != 0:
            return Account(os.geteuid(), os.getegid())
        owners = (path.stat() for path in (self.cluster, self.home) if path.exists())
        ordinary = ((owner.st_uid, owner.st_gid) for owner in owners if owner.st_uid)
        uid, gid = next(ordinary, None) or servant()
        return Account(uid, gid, becoming(uid, gid, self.home))


def _fits(folder: str) -> bool:
    """Whether libpq takes it: a comma would begin another host, and odd bytes don't survive in a URL."""
    is_short = len(os.fsencode(f"{folder}/.s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES
    return is_short and folder.isprintable() and "," not in folder


def _accepts(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(f"{address}/.s.PGSQL.{PORT}")
        return True
    return False


@contextmanager
def _directory(path: Path, flags: int = 0) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
