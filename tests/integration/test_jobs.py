"""The queue in the database: its tables as the library ships them, what is asked for, and what people see of it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from dashboard import job_tables, schema
from dashboard.database import READER_ROLE, Database
from dashboard.errors import DatabaseError, NewerSchema, ParameterError
from dashboard.job_tables import prepare_jobs
from dashboard.jobs import request
from dashboard.settings import Settings

Admin = Callable[..., list[tuple[object, ...]]]

MIGRATIONS = sorted(path.name for path in (job_tables._folder() / "migrations").glob("*.sql"))


def described(admin: Admin) -> list[tuple[object, ...]]:
    """Columns, functions, triggers and indexes in the schema of the queue."""
    return admin(
        "SELECT 'column', table_name || '.' || column_name, data_type || is_nullable FROM information_schema.columns"
        " WHERE table_schema = 'procrastinate' UNION ALL"
        " SELECT 'function', oid::regprocedure::text, md5(regexp_replace(prosrc, '\\s+', '', 'g')) FROM pg_proc"
        " WHERE pronamespace = 'procrastinate'::regnamespace UNION ALL"
        " SELECT 'trigger', tgname::text, tgrelid::regclass::text FROM pg_trigger"
        " WHERE tgrelid::regclass::text LIKE 'procrastinate.%' AND NOT tgisinternal UNION ALL"
        " SELECT 'index', indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'procrastinate' ORDER BY 1, 2"
    )


def begin_with_the_first_release(admin: Admin) -> None:
    """Make the tables what they were before all migrations but the first."""
    admin(
        "DROP SCHEMA procrastinate CASCADE; CREATE SCHEMA procrastinate; DELETE FROM dashboard.job_migrations"
    )
    first = (job_tables._folder() / "migrations" / MIGRATIONS[0]).read_text()
    admin(f"SET search_path TO procrastinate; {first}; RESET search_path")
    admin(f"INSERT INTO dashboard.job_migrations VALUES ('{MIGRATIONS[0]}')")


class TestTables:
    def test_they_stand_in_a_schema_of_their_own(self, admin: Admin) -> None:
        strangers = "SELECT count(*) FROM pg_tables WHERE tablename ~ 'procrastinate' AND schemaname <> 'procrastinate'"
        assert admin(strangers) == [(0,)]
        assert admin("SELECT name FROM dashboard.job_migrations ORDER BY 1") == [
            (name,) for name in MIGRATIONS
        ]

    def test_the_reader_sees_jobs_and_workers_and_not_the_tables_behind_them(
        self, database: Database
    ) -> None:
        request(database, "retention")
        with database.snapshot() as snapshot:
            jobs = snapshot.frame(
                "SELECT current_user::text AS who, task, arguments::text AS arguments, status, attempts, error,"
                " queued_at <= now() AS is_queued, started_at, finished_at, duration_seconds, worker"
                " FROM dashboard.jobs"
            )
            assert jobs.rows() == [
                (READER_ROLE, "retention", "{}", "queued", 0, None, True, None, None, None, None)
            ]
            assert snapshot.frame("SELECT * FROM dashboard.workers").is_empty()
            may = f"SELECT has_schema_privilege('{READER_ROLE}', 'procrastinate', 'USAGE') AS may"
            assert snapshot.frame(may).rows() == [(False,)]

    def test_old_ones_become_what_new_ones_are(self, database: Database, admin: Admin) -> None:
        new = described(admin)
        begin_with_the_first_release(admin)
        prepare_jobs(database)
        assert set(new) <= set(described(admin))  # and what an older program beside this one still needs
        assert request(database, "refresh")
        assert admin("SELECT task, status FROM dashboard.jobs") == [("refresh", "queued")]

    def test_several_may_bring_them_up_to_date_at_once(
        self, database: Database, database_url: str, admin: Admin, settings: Settings
    ) -> None:
        begin_with_the_first_release(admin)
        start = threading.Barrier(3)

        def prepare(_: int) -> None:
            with closing(Database(database_url, settings)) as own:
                start.wait()
                prepare_jobs(own)

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(prepare, range(3)))
        assert admin("SELECT count(*) FROM dashboard.job_migrations") == [(len(MIGRATIONS),)]
        assert request(database, "refresh")

    def test_a_migration_that_fails_leaves_what_was_there_and_is_done_later(
        self, database: Database, admin: Admin
    ) -> None:
        begin_with_the_first_release(admin)
        admin("ALTER TABLE procrastinate.procrastinate_jobs RENAME TO away")
        with pytest.raises(DatabaseError, match="procrastinate_jobs"):
            prepare_jobs(database)
        admin("ALTER TABLE procrastinate.away RENAME TO procrastinate_jobs")
        prepare_jobs(database)
        assert admin("SELECT count(*) FROM dashboard.job_migrations") == [(len(MIGRATIONS),)]

    def test_newer_ones_stop_the_program(self, database: Database, admin: Admin) -> None:
        admin("INSERT INTO dashboard.job_migrations VALUES ('99.00.00_01_later.sql')")
        with pytest.raises(NewerSchema, match=r"99\.00\.00_01_later\.sql .* Update"):
            prepare_jobs(database)

    def test_a_view_of_another_program_version_is_made_again(self, database: Database, admin: Admin) -> None:
        admin("COMMENT ON VIEW dashboard.jobs IS 'another'; REVOKE ALL ON dashboard.jobs FROM public")
        schema.prepare(database)
        with database.snapshot() as snapshot:
            assert snapshot.frame("SELECT job_id FROM dashboard.jobs").is_empty()


class TestRequests:
    def test_what_is_queued_is_not_queued_again(self, database: Database, admin: Admin) -> None:
        assert request(database, "refresh") is True
        assert request(database, "refresh") is False
        assert request(database, "retention") is True
        assert admin("SELECT task FROM dashboard.jobs ORDER BY job_id") == [("refresh",), ("retention",)]

    def test_other_arguments_are_another_job(self, database: Database, admin: Admin) -> None:
        views = ["daily_sales_metrics", "customer_metrics"]
        assert request(database, "refresh", views=views)
        assert request(database, "refresh", views=views[:1])
        assert not request(database, "refresh", views=views)
        assert request(database, "refresh")
        assert admin("SELECT arguments FROM dashboard.jobs ORDER BY job_id") == [
            ({"views": views},),
            ({"views": views[:1]},),
            ({},),
        ]

    def test_what_runs_already_may_have_looked_before(self, database: Database, admin: Admin) -> None:
        request(database, "refresh")
        admin("SET search_path TO procrastinate; UPDATE procrastinate_jobs SET status = 'doing'")
        assert request(database, "refresh")

    def test_of_many_who_ask_at_once_one_queues_it_and_nobody_fails(
        self, database_url: str, admin: Admin, settings: Settings
    ) -> None:
        start = threading.Barrier(6)

        def ask(_: int) -> bool:
            with closing(Database(database_url, settings)) as own:
                start.wait()
                return request(own, "refresh")

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(ask, range(6))) == [False] * 5 + [True]
        assert admin("SELECT count(*) FROM dashboard.jobs") == [(1,)]

    def test_unknown_task_is_refused_with_the_known_ones(self, database: Database) -> None:
        known = "count_statements, full_refresh, refresh, relation_sizes, report, retention, warm_up"
        with pytest.raises(ParameterError, match=f"'refesh'; there are {known}"):
            request(database, "refesh")
