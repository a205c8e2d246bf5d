"""Where Prometheus asks."""

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.telemetry.metrics import Metrics

PATH = "/metrics"


def metrics_routes(metrics: Metrics) -> list[Route]:
    """``/metrics``: the metrics of this process, as text for Prometheus."""
    limiter = CapacityLimiter(
        2
    )  # threads of its own: a cache that is slow to answer takes none from the pages

    async def answer(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        content, content_type = await to_thread.run_sync(
            metrics.text, accept, limiter=limiter, abandon_on_cancel=True
        )
        return Response(content, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    return [Route(PATH, answer)]
