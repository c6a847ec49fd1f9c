"""hook-receiver: takes hooks over HTTP, keeps them in PostgreSQL and tells Kafka of them."""

import asyncio
import json
import secrets
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Header, HTTPException

from . import log as logs
from .database import Database
from .events import Events
from .server import add_health, serve, serve_metrics, server_of
from .settings import HookReceiverSettings

log = structlog.get_logger("bridge.hook_receiver")


async def replay(database: Database, workers: int) -> None:
    """Hands on what was kept and not handed on. Each worker holds a connection until all are done."""
    started = asyncio.Barrier(workers) if workers else None

    async def work() -> None:
        connection = await database.acquire()
        try:
            await connection.fetch("SELECT id, payload FROM hooks WHERE handed_on IS NULL ORDER BY id LIMIT 100")
            await started.wait()
        finally:
            await database.pool.release(connection)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())


def application(settings: HookReceiverSettings) -> FastAPI:
    database, events = Database(settings), Events(settings.kafka)

    @asynccontextmanager
    async def lifespan(_: FastAPI):
        metrics = await serve_metrics(settings)
        await events.connect()
        if settings.postgres.optional:
            later = asyncio.create_task(database.keep_connecting())
        else:
            await database.connect()
            await replay(database, settings.replay_workers)
        log.info("Hook receiver is ready", environment=settings.environment)
        yield
        if settings.postgres.optional:
            later.cancel()
        if metrics:
            metrics.close()
        await events.close()
        await database.close()

    app = FastAPI(title="hook-receiver", lifespan=lifespan)

    async def states() -> dict:
        return {"postgres": await database.health(), "kafka": events.health()}

    add_health(app, states)

    @app.post("/hooks", status_code=202)
    async def receive(payload: dict, x_api_key: str = Header(default="")) -> dict:
        if not secrets.compare_digest(x_api_key, settings.api_key.get_secret_value()):
            raise HTTPException(status_code=401, detail="API key is missing or wrong")
        async with database.pool.acquire(timeout=settings.postgres.acquire_timeout) as connection:
            hook = await connection.fetchval("INSERT INTO hooks (payload) VALUES ($1::jsonb) RETURNING id", json.dumps(payload))
            if events.producer:
                await events.producer.send_and_wait(settings.kafka.workflow_topic, json.dumps({"hook": hook}).encode())
                await connection.execute("UPDATE hooks SET handed_on = now() WHERE id = $1", hook)
        return {"id": hook}

    return app


def main() -> None:
    settings = HookReceiverSettings()
    logs.configure(settings.log_format)
    serve(server_of(application(settings), settings))


if __name__ == "__main__":
    main()
