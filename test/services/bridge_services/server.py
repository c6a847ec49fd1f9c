"""What both services serve over HTTP."""

import asyncio

import structlog
import uvicorn
from fastapi import FastAPI, Response

from .settings import Settings

log = structlog.get_logger("bridge.server")


def add_health(app: FastAPI, states) -> None:
    """/health tells the state of what the service needs; /ready only that it serves."""

    @app.get("/health")
    async def health(response: Response) -> dict:
        infrastructure = await states()
        worst = {s["status"] for s in infrastructure.values()}
        status = next((s for s in ("unhealthy", "degraded") if s in worst), "healthy")
        if status == "unhealthy":
            response.status_code = 503
        return {"status": status, "infrastructure_health": infrastructure}

    @app.get("/ready")
    async def ready() -> dict:
        return {"ready": True}


async def serve_metrics(settings: Settings) -> asyncio.Server | None:
    """Serves the one figure that there is, where the settings want it."""
    if not settings.metrics_port:
        return None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nbridge_up 1\n")
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, settings.host, settings.metrics_port)


def server_of(app: FastAPI, settings: Settings) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(app, host=settings.host, port=settings.port, log_config=None, access_log=False, timeout_graceful_shutdown=3)
    )


def serve(server: uvicorn.Server) -> None:
    """Serves until it is stopped. uvicorn itself ends the process where the port is taken."""
    server.run()
    if not server.started:
        raise SystemExit(3)
