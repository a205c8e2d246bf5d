import asyncio
import threading

from dashboard.telemetry.loop import LoopLag
from tests.servers import wait_until

HELD_SECONDS = 1.0


def test_a_loop_that_is_held_is_late_while_that_lasts_and_for_a_time_after() -> None:
    lag = LoopLag(remembered_seconds=3.0)
    let_go, goes_on = threading.Event(), threading.Event()
    loop, end = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with lag.watched():
            await asyncio.sleep(0)
            let_go.wait()  # in the loop, which nothing should
            await asyncio.sleep(0.1)
            goes_on.set()
            await end.wait()

    def seconds() -> float:
        return lag.seconds() or 0.0

    assert lag.seconds() is None
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    wait_until(lambda: seconds() > HELD_SECONDS, "it is told while it lasts")
    let_go.set()
    goes_on.wait()
    assert seconds() > HELD_SECONDS
    wait_until(lambda: seconds() < HELD_SECONDS, "it is forgotten")
    loop.call_soon_threadsafe(end.set)
    thread.join()
    loop.close()
    assert lag.seconds() is None
