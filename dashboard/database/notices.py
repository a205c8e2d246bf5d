"""Hearing what other sessions say by NOTIFY, in a thread with a connection of its own."""

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from psycopg import pq, sql

log = logging.getLogger(__name__)

# Between attempts to connect; a connection that lasted for the longest one begins anew with the shortest.
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 5.0
_END_SECONDS = 1.0


@contextmanager
def listening(
    connect: Callable[[], psycopg.Connection[Any]], channel: str, on_notice: Callable[[], None]
) -> Iterator[None]:
    """While the block lasts, call ``on_notice`` in a thread when something was said, or may have been unheard."""
    end, ending = socket.socketpair()
    listener = _Listener(connect, channel, on_notice, end)
    thread = threading.Thread(target=listener.run, name=f"listening to {channel}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.close()
        thread.join(_END_SECONDS)  # a connection that is being attempted is not waited for


class _Listener:
    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        channel: str,
        on_notice: Callable[[], None],
        end: socket.socket,
    ) -> None:
        self._connect, self._on_notice, self._end = connect, on_notice, end
        self._listen = sql.SQL("LISTEN {}").format(sql.Identifier(channel))

    def run(self) -> None:
        pause_seconds = _SHORTEST_PAUSE_SECONDS
        with self._end:
            while True:
                began = time.monotonic()
                try:
                    self._hear()
                except psycopg.Error as error:
                    log.debug("nothing is heard: %s", error)
                if time.monotonic() - began > _LONGEST_PAUSE_SECONDS:
                    pause_seconds = _SHORTEST_PAUSE_SECONDS
                if self._has_ended(pause_seconds):
                    return
                pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)

    def _hear(self) -> None:
        """Until the end. Raises psycopg.Error when the connection is lost."""
        with closing(self._connect()) as connection:
            connection.execute(self._listen)
            self._on_notice()  # of what was said while nobody listened
            while not self._has_ended(None, connection.fileno()):
                if _was_anything_said(connection.pgconn):
                    self._on_notice()

    def _has_ended(self, timeout_seconds: float | None, *others: int) -> bool:
        """Wait for the end, for something to read from others, or for the time; whether it was the end."""
        with selectors.DefaultSelector() as selector:
            for readable in (self._end.fileno(), *others):
                selector.register(readable, selectors.EVENT_READ)
            return any(key.fd == self._end.fileno() for key, _ in selector.select(timeout_seconds))


def _was_anything_said(link: pq.abc.PGconn) -> bool:
    link.consume_input()
    if link.status != pq.ConnStatus.OK:
        raise psycopg.OperationalError("the connection is lost")
    return len(list(iter(link.notifies, None))) > 0
