"""How the bundled server is set up: for short analytical reads on a small machine."""

import os
from contextlib import suppress
from pathlib import Path

PORT = 5432  # names the socket; nothing listens on TCP
MB = 1 << 20


def configuration() -> str:
    """Settings for short analytical reads on a small machine, over PostgreSQL's own."""
    memory, cores = _memory_bytes(), os.cpu_count() or 1

    def share(part: int, least_mb: int, most_mb: int) -> str:
        return f"{min(max(memory // part // MB, least_mb), most_mb)}MB"

    return f"""\
# Rewritten at each start. Settings of your own go to the end of postgres/postgresql.conf.
listen_addresses = ''
port = {PORT}
unix_socket_directories = '.'
max_connections = 100
scram_iterations = 1                    # the password is random: stretching it only costs 5 ms a connection
shared_preload_libraries = 'pg_stat_statements'
timezone = 'UTC'
log_timezone = 'UTC'

shared_buffers = {share(4, 128, 1024)}  # each further GB costs 25 ms at start
effective_cache_size = {share(2, 256, 65_536)}
work_mem = {share(128, 32, 64)}
maintenance_work_mem = {share(16, 64, 512)}
random_page_cost = 1.1
jit = off                               # compiling takes longer than our queries
max_parallel_workers = {min(cores, 8)}
max_parallel_workers_per_gather = {min(cores // 2, 4)}

max_wal_size = 2GB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9
wal_compression = on
track_io_timing = on
track_activity_query_size = 8kB

log_checkpoints = off
log_min_error_statement = panic         # a cancelled query is daily business: one line, not its text
log_line_prefix = '%m [%p] %a '
"""


def _memory_bytes() -> int:
    """Memory that we may use: the machine's, or the container's limit."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no control groups; "max"
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total
