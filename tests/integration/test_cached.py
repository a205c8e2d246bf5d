"""Functions whose results are cached beside the answers of queries."""

import asyncio
import functools
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import polars as pl
import pytest

from dashboard.data import Data
from dashboard.errors import ComputationFailed, DatabaseUnavailable
from dashboard.settings import ROOT, Settings
from tests.answers import ALL_TYPES
from tests.reads import Admin, Opener, administering, copied, down, opening, wait_until

T = TypeVar("T")

CALLERS = 50
FRAME = pl.DataFrame({"state": ["SP", "RJ"], "orders": [3, 1]})


def in_a_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it in a thread that has no event loop yet: the browser's may have one that never ends."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@pytest.fixture(scope="module")
def url(server: str, _template: str) -> Iterator[str]:
    """URL of a database for the tests of this file."""
    with copied(server, _template) as url:
        yield url


@pytest.fixture
def admin(url: str) -> Iterator[Admin]:
    with administering(url) as run:
        yield run


@pytest.fixture
def open_data(settings: Settings) -> Iterator[Opener]:
    with opening(settings) as opened:
        yield opened


@pytest.fixture
def data(url: str, open_data: Opener) -> Data:
    return open_data(url)


@pytest.fixture
def calls() -> list[Any]:
    return []


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    """Functions wait for it; it is set at the end at the latest."""
    event = threading.Event()
    yield event
    event.set()


def recorded(data: Data, admin: Admin) -> list[tuple[Any, ...]]:
    data.statistics.flush(data.database)
    return admin(
        "SELECT query, source, reason, is_coalesced, reads FROM dashboard.read_statistics "
        f"WHERE process = '{data.statistics.process}' ORDER BY 2, 3, 4"
    )


class TestResults:
    def test_a_frame_comes_back_with_its_rows_and_types(
        self, data: Data, open_data: Opener, url: str, calls: list[Any]
    ) -> None:
        def cached_by(some: Data) -> Callable[[], pl.DataFrame]:
            @some.cached(ttl=60, prefix="reports/types")
            def types() -> pl.DataFrame:
                calls.append(1)
                return ALL_TYPES

            return types

        for some in (data, data, open_data(url)):
            rows = cached_by(some)()
            assert rows.schema == ALL_TYPES.schema
            assert rows.equals(ALL_TYPES)
        assert len(calls) == 1

    @pytest.mark.parametrize(
        "result",
        [
            None,
            True,
            0,
            -1.5,
            "",
            "São Paulo",
            [],
            {},
            [1, [None, {"a": "b"}]],
            {"orders": 3, "of": {"SP": [1]}},
        ],
        ids=repr,
    )
    def test_what_json_can_hold_comes_back(self, data: Data, calls: list[Any], result: Any) -> None:
        @data.cached(ttl=60, prefix="reports/json")
        def made() -> Any:
            calls.append(1)
            return result

        assert [made(), made()] == [result, result]
        assert type(made()) is type(result)
        assert len(calls) == 1

    def test_the_first_result_is_what_the_later_ones_are(self, data: Data) -> None:
        @data.cached(ttl=60, prefix="reports/tuple")
        def made() -> Any:
            return (1, {2: "two"})

        assert [made(), made()] == [[1, {"2": "two"}]] * 2

    def test_what_a_caller_does_to_its_result_reaches_nobody_else(self, data: Data) -> None:
        kept = FRAME.clone()

        @data.cached(ttl=60, prefix="reports/frame")
        def frame() -> pl.DataFrame:
            return kept

        @data.cached(ttl=60, prefix="reports/list")
        def some() -> list[int]:
            return [1]

        for _ in range(3):
            rows = frame()
            assert rows.equals(FRAME)
            rows[0, "orders"] = 1_000
            kept[1, "orders"] = 1_000
            assert some() == [1]
            some().append(2)

    @pytest.mark.parametrize(
        ("result", "words"),
        [
            ({1, 2}, ["set", "return"]),
            (Decimal(1), ["Decimal", "return"]),
            (date(2018, 1, 1), ["date", "return"]),
            (float("nan"), ["float", "return"]),
            (FRAME.lazy(), ["LazyFrame", "return"]),
            ([FRAME], ["DataFrame", "return"]),
            (pl.DataFrame({"any": [object()]}, schema={"any": pl.Object}), ["any", "cast"]),
        ],
        ids=lambda part: type(part).__name__,
    )
    def test_what_can_not_be_cached_says_what_to_return(
        self, data: Data, calls: list[Any], result: Any, words: list[str]
    ) -> None:
        @data.cached(ttl=60, prefix="reports/bad")
        def made() -> Any:
            calls.append(1)
            return result

        for _ in range(2):
            with pytest.raises(TypeError) as caught:
                made()
            assert all(word in str(caught.value) for word in [*words, "made"]), caught.value
        assert len(calls) == 2


class TestArguments:
    def test_each_has_a_result_of_its_own(self, data: Data, calls: list[Any]) -> None:
        @data.cached(ttl=60, prefix="reports/top")
        def top(number: Any, *names: str, by: Any = "revenue", **more: Any) -> list[Any]:
            calls.append((number, names, by, more))
            return [repr(call) for call in calls[-1:]]

        asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
            ((1,), {}),
            ((1.0,), {}),
            ((True,), {}),
            (("1",), {}),
            ((None,), {}),
            ((Decimal(1),), {}),
            ((date(2018, 1, 1),), {}),
            ((datetime(2018, 1, 1),), {}),
            (([1, 2],), {}),
            (([1, [2]],), {}),
            (({"a": 1},), {}),
            ((1, "a"), {}),
            ((1, "a", "b"), {}),
            ((1, "ab"), {}),
            ((1,), {"by": "orders"}),
            ((1,), {"since": 1}),
        ]
        results = [top(*args, **kwargs) for args, kwargs in asked]
        assert len(calls) == len(asked)
        assert [top(*args, **kwargs) for args, kwargs in asked] == results
        assert len(calls) == len(asked)

    def test_defaults_and_names_are_the_same_as_positions(self, data: Data, calls: list[Any]) -> None:
        @data.cached(ttl=60, prefix="reports/same")
        def top(number: int, by: str = "revenue", **more: int) -> int:
            calls.append(1)
            return number

        top(3)
        top(number=3)
        top(3, "revenue")
        top(by="revenue", number=3)
        assert len(calls) == 1
        top(3, a=1, b=2)
        top(3, b=2, a=1)
        assert len(calls) == 2

    @pytest.mark.parametrize(
        "argument", [{1, 2}, b"x", FRAME, object(), {"a": {1}}, {1: 2, "a": 3}], ids=type
    )
    def test_what_can_not_be_told_apart_is_refused(self, data: Data, argument: Any) -> None:
        @data.cached(ttl=60, prefix="reports/refused")
        def made(what: Any) -> int:
            raise AssertionError

        with pytest.raises(TypeError, match=r"(?s)made .* Pass texts, numbers, dates"):
            made(argument)

    def test_missing_arguments_are_python_s_own_error(self, data: Data) -> None:
        @data.cached(ttl=60, prefix="reports/missing")
        def made(what: int) -> int:
            raise AssertionError

        with pytest.raises(TypeError, match="missing a required argument: 'what'"):
            made()  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="unexpected keyword"):
            made(1, other=2)  # type: ignore[call-arg]


class TestWhatTellsFunctionsApart:
    def test_the_values_around_it(self, data: Data) -> None:
        def made(number: int) -> Callable[[], int]:
            @data.cached(ttl=60, prefix="reports/closure")
            def same() -> int:
                return number

            return same

        assert [made(1)(), made(2)(), made(1)()] == [1, 2, 1]

    def test_what_it_does_though_it_stands_on_one_line(self, data: Data) -> None:
        one, two = (data.cached(ttl=60, prefix="reports/x")(each) for each in (lambda: 1, lambda: 2))
        assert [one(), two()] == [1, 2]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("return 1", "return 2"),
            ("return [max(1, 2)]", "return [min(1, 2)]"),
            ("return 'a' in {'a', 'b'}", "return 'a' in {'c', 'b'}"),
            ("return [(lambda: 1)()]", "return [(lambda: 2)()]"),
        ],
    )
    def test_an_edited_one_does_not_return_what_it_did(
        self, data: Data, open_data: Opener, url: str, old: str, new: str
    ) -> None:
        def defined(some: Data, body: str) -> Callable[[], Any]:
            names: dict[str, Any] = {"__name__": "extension"}
            exec(f"def edited():\n    {body}", names)
            return some.cached(ttl=60, prefix="reports/edited")(names["edited"])

        first, second = (eval(body.removeprefix("return ")) for body in (old, new))
        assert defined(data, old)() == first
        assert defined(data, new)() == second
        assert defined(open_data(url), old)() == first

    def test_what_it_wraps(self, data: Data) -> None:
        def logged(function: Callable[[], int]) -> Callable[[], int]:
            @functools.wraps(function)
            def wrapper() -> int:
                return function()

            return wrapper

        def defined(body: str) -> Callable[[], int]:
            names: dict[str, Any] = {"__name__": "extension"}
            exec(f"def edited():\n    {body}", names)
            return data.cached(ttl=60, prefix="reports/wrapped")(logged(names["edited"]))

        assert [defined(f"return {number}")() for number in (1, 2, 1)] == [1, 2, 1]

    def test_a_list_around_it_may_change(self, data: Data, calls: list[Any]) -> None:
        number = 0

        @data.cached(ttl=60, prefix="reports/list")
        def counted() -> int:
            nonlocal number
            number += 1
            calls.append(number)
            return number

        assert [counted(), counted()] == [1, 1]

    def test_only_functions_can_be_told_apart(self, data: Data) -> None:
        with pytest.raises(TypeError, match="def"):
            data.cached(ttl=60, prefix="reports/partial")(functools.partial(int, "1"))

    @pytest.mark.parametrize("ttl", [0, -1, float("nan")])
    def test_a_lifetime_is_positive(self, data: Data, ttl: float) -> None:
        with pytest.raises(ValueError, match="ttl"):
            data.cached(ttl=ttl, prefix="reports/ttl")(lambda: 1)

    def test_a_prefix_is_a_tag(self, data: Data) -> None:
        with pytest.raises(ValueError, match="no cache tag"):
            data.cached(ttl=60, prefix="all my reports")(lambda: 1)

    def test_it_still_is_the_function_to_a_reader(self, data: Data) -> None:
        @data.cached(ttl=60, prefix="reports/named")
        def named() -> int:
            """The number."""
            return 1

        assert (named.__name__, named.__doc__) == ("named", "The number.")


class TestSingleFlight:
    def test_many_threads_are_one_call(self, data: Data, calls: list[Any], hold: threading.Event) -> None:
        waiters: set[int] = set()
        data.reader._while_waiting = lambda: waiters.add(threading.get_ident())

        @data.cached(ttl=60, prefix="reports/slow")
        def slow() -> int:
            calls.append(1)
            assert hold.wait(20)
            return 7

        with ThreadPoolExecutor(CALLERS) as pool:
            results = [pool.submit(slow) for _ in range(CALLERS)]
            wait_until(lambda: len(waiters) == CALLERS, "all wait")
            hold.set()
            assert {result.result() for result in results} == {7}
        assert len(calls) == 1

    def test_many_coroutines_are_one_call(self, data: Data, calls: list[Any]) -> None:
        @data.cached(ttl=60, prefix="reports/slow")
        async def slow(number: int) -> pl.DataFrame:
            calls.append(number)
            await asyncio.sleep(0.05)
            return FRAME

        async def several() -> list[pl.DataFrame]:
            return await asyncio.gather(*(slow(n % 2) for n in range(CALLERS)))

        assert all(rows.equals(FRAME) for rows in in_a_loop(several()))
        assert sorted(calls) == [0, 1]
        assert in_a_loop(several())[0].equals(FRAME)
        assert sorted(calls) == [0, 1]

    def test_coroutines_may_wait_for_threads_and_for_other_cached_ones(self, data: Data) -> None:
        @data.cached(ttl=60, prefix="reports/inner")
        async def inner(number: int) -> int:
            return await asyncio.to_thread(lambda: number)

        @data.cached(ttl=60, prefix="reports/outer")
        async def outer(number: int) -> int:
            return await asyncio.to_thread(lambda: number) + await inner(number)

        async def several() -> list[int]:
            return await asyncio.wait_for(asyncio.gather(*(outer(n) for n in range(CALLERS))), 20)

        assert in_a_loop(several()) == [2 * n for n in range(CALLERS)]

    def test_functions_may_call_cached_ones_however_deep(self, data: Data) -> None:
        @data.cached(ttl=60, prefix="reports/sum")
        def total(number: int) -> int:
            return number + total(number - 1) if number else 0

        assert total(260) == 260 * 261 // 2

    def test_an_error_reaches_all_and_is_not_cached(
        self, data: Data, calls: list[Any], hold: threading.Event
    ) -> None:
        waiters: set[int] = set()
        data.reader._while_waiting = lambda: waiters.add(threading.get_ident())

        @data.cached(ttl=60, prefix="reports/failing")
        def failing() -> int:
            calls.append(1)
            if len(calls) > 1:
                return 7
            assert hold.wait(20)
            raise ZeroDivisionError("no sales")

        with ThreadPoolExecutor(CALLERS) as pool:
            results = [pool.submit(failing) for _ in range(CALLERS)]
            wait_until(lambda: len(waiters) == CALLERS, "all wait")
            hold.set()
            assert {repr(result.exception()) for result in results} == {"ZeroDivisionError('no sales')"}
        assert len(calls) == 1
        assert failing() == 7

    def test_an_error_of_a_coroutine_reaches_all_and_is_not_cached(
        self, data: Data, calls: list[Any]
    ) -> None:
        @data.cached(ttl=60, prefix="reports/failing")
        async def failing() -> int:
            calls.append(1)
            raise ZeroDivisionError("no sales")

        async def several() -> list[Any]:
            return await asyncio.gather(*(failing() for _ in range(3)), return_exceptions=True)

        for _ in range(2):
            assert {repr(error) for error in in_a_loop(several())} == {"ZeroDivisionError('no sales')"}
        assert len(calls) >= 2

    def test_who_waits_for_a_loop_that_ends_is_told_so(self, data: Data, calls: list[Any]) -> None:
        waiters: set[int] = set()
        data.reader._while_waiting = lambda: waiters.add(threading.get_ident())

        @data.cached(ttl=60, prefix="reports/loop")
        async def endless() -> int:
            calls.append(1)
            await asyncio.sleep(3_600 if len(calls) == 1 else 0)
            return 7

        async def given_up() -> None:
            asked = asyncio.ensure_future(endless())
            while len(waiters) < 2:
                await asyncio.sleep(0.01)
            asked.cancel()

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(asyncio.run, given_up())
            wait_until(lambda: calls, "it is called")
            second = pool.submit(asyncio.run, endless())
            assert isinstance(second.exception(20), ComputationFailed)
            first.result()
        assert in_a_loop(endless()) == 7


class TestLifetime:
    def test_past_it_the_function_is_called_again(self, data: Data, calls: list[Any]) -> None:
        @data.cached(ttl=0.000_001, prefix="reports/short")
        def counted() -> int:
            calls.append(1)
            return len(calls)

        assert [counted(), counted()] == [1, 2]

    def test_fresh_calls_it_and_keeps_the_result(self, data: Data, calls: list[Any]) -> None:
        @data.cached(ttl=60, prefix="reports/fresh")
        def counted(number: int) -> int:
            calls.append(1)
            return number + len(calls)

        assert [counted(10), counted.fresh(10), counted(10)] == [11, 12, 12]

    def test_a_coroutine_s_fresh_does_too(self, data: Data, calls: list[Any]) -> None:
        @data.cached(ttl=60, prefix="reports/fresh")
        async def counted() -> int:
            calls.append(1)
            return len(calls)

        async def several() -> list[int]:
            return [await counted(), await counted.fresh(), await counted()]

        assert in_a_loop(several()) == [1, 2, 2]

    @pytest.mark.parametrize("tag", ["reports/top", "reports/*", "*"])
    def test_an_invalidation_of_its_tag_or_prefix_makes_it_be_called_again(
        self, data: Data, calls: list[Any], tag: str
    ) -> None:
        @data.cached(ttl=60, prefix="reports/top")
        def counted() -> int:
            calls.append(1)
            return len(calls)

        counted()
        data.invalidate(tag)
        assert [counted(), counted()] == [2, 2]

    @pytest.mark.parametrize("tag", ["reports/to", "reports", "top*", "report/*", "business/daily_sales"])
    def test_one_of_another_does_not(self, data: Data, calls: list[Any], tag: str) -> None:
        @data.cached(ttl=60, prefix="reports/top")
        def counted() -> int:
            calls.append(1)
            return len(calls)

        counted()
        data.invalidate(tag)
        assert counted() == 1

    def test_what_was_computed_while_it_was_invalidated_is_not_kept_as_new(
        self, data: Data, calls: list[Any], hold: threading.Event
    ) -> None:
        @data.cached(ttl=60, prefix="reports/overtaken")
        def counted() -> int:
            calls.append(1)
            if len(calls) == 1:
                assert hold.wait(20)
            return len(calls)

        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(counted)
            wait_until(lambda: calls, "it is called")
            data.invalidate("reports/overtaken")
            assert counted() == 2
            hold.set()
            first.result()
        assert counted() == 2

    def test_an_invalidation_counts_at_once_though_a_thread_is_asking_for_versions(
        self, data: Data, calls: list[Any]
    ) -> None:
        @data.cached(ttl=60, prefix="reports/polled")
        def counted() -> int:
            calls.append(1)
            return len(calls)

        counted()
        with data.known._polling:
            data.invalidate("reports/polled")
            assert counted() == 2


_PROCESS = """
import sys
from contextlib import closing
from dashboard.cache import open_levels
from dashboard.catalogue import catalogue
from dashboard.data import Data
from dashboard.database import Database
from dashboard.settings import Settings

url, folder, number = sys.argv[1:]
settings = Settings(_env_file=None, data_dir=folder)
database = Database(url, settings)
with closing(Data(catalogue(), database, open_levels(settings), settings)) as data:
    @data.cached(ttl=60, prefix="reports/shared")
    def made(name):
        print("called", name)
        return {"by": name}

    print(made("x"), made(name="x"))
database.close()
"""


class TestProcesses:
    def test_another_process_shares_the_results(self, url: str, settings: Settings) -> None:
        command = [sys.executable, "-c", _PROCESS, url, str(settings.data_dir)]
        outputs = [
            subprocess.run([*command, n], cwd=ROOT, capture_output=True, check=True, text=True).stdout
            for n in ("1", "2")
        ]
        assert outputs == ["called x\n{'by': 'x'} {'by': 'x'}\n", "{'by': 'x'} {'by': 'x'}\n"]

    def test_an_error_in_another_process_reaches_who_waits_for_it(
        self, data: Data, open_data: Opener, url: str, calls: list[Any], hold: threading.Event
    ) -> None:
        waiters: set[int] = set()

        def cached_by(some: Data) -> Callable[[], int]:
            @some.cached(ttl=60, prefix="reports/failing")
            def failing() -> int:
                calls.append(1)
                assert hold.wait(20)
                raise ZeroDivisionError("no sales")

            return failing

        other = open_data(url, lambda: waiters.add(1))
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(cached_by(data))
            wait_until(lambda: calls, "it is called")
            second = pool.submit(cached_by(other))
            wait_until(lambda: waiters, "the other waits")
            hold.set()
            errors = [result.exception() for result in (first, second)]
        assert isinstance(errors[0], ZeroDivisionError)
        assert "no sales" in str(errors[1])


class TestDatabaseDown:
    def test_an_old_result_is_returned_while_the_function_can_not_read(
        self, data: Data, calls: list[Any], admin: Admin
    ) -> None:
        @data.cached(ttl=0.000_001, prefix="reports/stale")
        def counted() -> int:
            calls.append(1)
            if len(calls) == 2:
                raise DatabaseUnavailable("PostgreSQL does not answer.")
            return len(calls)

        assert [counted(), counted(), counted()] == [1, 1, 3]
        assert [row[:2] for row in recorded(data, admin)] == [
            ("reports/stale", "database"),
            ("reports/stale", "database"),
            ("reports/stale", "stale"),
        ]

    def test_without_an_old_one_the_error_is_raised(self, data: Data) -> None:
        @data.cached(ttl=60, prefix="reports/down")
        def down_() -> int:
            raise DatabaseUnavailable("PostgreSQL does not answer.")

        with pytest.raises(DatabaseUnavailable):
            down_()

    def test_a_process_that_knows_no_versions_returns_an_old_one_too(
        self, server: str, data: Data, open_data: Opener, url: str
    ) -> None:
        def cached_by(some: Data) -> Callable[[], int]:
            @some.cached(ttl=60, prefix="reports/unknown")
            def counted() -> int:
                return 7

            return counted

        assert cached_by(data)() == 7
        other = open_data(url)
        with down(server, url):
            assert cached_by(other)() == 7


class TestStatistics:
    def test_reads_are_counted_under_the_prefix(self, data: Data, admin: Admin) -> None:
        @data.cached(ttl=60, prefix="reports/counted")
        def counted(number: int) -> int:
            if number < 0:
                raise ValueError(number)
            return number

        for number in (1, 1, 1, 2):
            counted(number)
        counted.fresh(1)
        with pytest.raises(ValueError, match="-1"):
            counted(-1)
        data.invalidate("reports/counted")
        counted(1)
        assert recorded(data, admin) == [
            ("reports/counted", "database", "bypass", False, 1),
            ("reports/counted", "database", "cold", False, 2),
            ("reports/counted", "database", "version", False, 1),
            ("reports/counted", "error", "", False, 1),
            ("reports/counted", "memory", "", False, 2),
        ]
