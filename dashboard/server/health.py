"""Whether the process lives, and whether it can answer: for load balancers, and for people in a hurry."""

import logging
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dashboard.errors import DaybookError

logger = logging.getLogger(__name__)

Check = Callable[[], None]  # returns if all is well, else raises

CHECK_SECONDS = 3.0  # time that one check may take
_FRESH = {"Cache-Control": "no-store"}


def health_routes(checks: Mapping[str, Check]) -> list[Route]:
    """``/healthz``: always 200. ``/readyz``: 200, or 503 if a check fails or takes too long."""
    # Threads of their own, so that checks that hang take none from the pages, and can't pile up.
    limiter = CapacityLimiter(max(1, 2 * len(checks)))

    async def alive(_: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"}, headers=_FRESH)

    async def ready(_: Request) -> JSONResponse:
        results: dict[str, dict[str, Any]] = {}

        async def run(name: str, check: Check) -> None:
            results[name] = await _result(name, check, limiter)

        async with anyio.create_task_group() as group:
            for name, check in checks.items():
                group.start_soon(run, name, check)
        is_ready = all(result["ok"] for result in results.values())
        body = {
            "status": "ready" if is_ready else "not ready",
            "checks": {name: results[name] for name in checks},
        }
        return JSONResponse(body, status_code=200 if is_ready else 503, headers=_FRESH)

    return [Route("/healthz", alive), Route("/readyz", ready)]


async def _result(name: str, check: Check, limiter: CapacityLimiter) -> dict[str, Any]:
    began = perf_counter()
    try:
        with anyio.fail_after(CHECK_SECONDS):
            await to_thread.run_sync(check, limiter=limiter, abandon_on_cancel=True)
    except TimeoutError:
        return {"ok": False, "problem": f"no answer within {CHECK_SECONDS:g} s"}
    except DaybookError as error:
        return {"ok": False, "problem": str(error)}
    except Exception as error:
        # What a stranger's error says may hold a secret: it goes to the log, its name to the caller.
        logger.exception("The check %s failed", name)
        return {"ok": False, "problem": f"{type(error).__name__}: see the server's log"}
    return {"ok": True, "milliseconds": round((perf_counter() - began) * 1_000, 1)}
