"""workflow-coordinator: consumes what the receiver tells Kafka, and keeps count in PostgreSQL."""

import asyncio
from contextlib import asynccontextmanager

import structlog
import uvicorn
from aiokafka import AIOKafkaConsumer
from fastapi import FastAPI

from . import log as logs
from .database import Database
from .server import add_health, serve, serve_metrics, server_of
from .settings import Settings

log = structlog.get_logger("bridge.workflow_coordinator")


class Coordinator:
    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings, self.database = settings, database
        self.failed = False
        # The server to stop when consuming ends.
        self.server: uvicorn.Server | None = None
        self.consumer: AIOKafkaConsumer | None = None

    async def run(self) -> None:
        """Consumes until it is cancelled; what ends it sooner ends the process."""
        try:
            await self.start()
            async for message in self.consumer:
                async with self.database.pool.acquire() as connection:
                    await connection.execute(
                        "INSERT INTO workflows (partition, message_offset) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                        message.partition,
                        message.offset,
                    )
        except Exception:
            log.exception("Workflow consumer ended")
            self.failed = True
            self.server.should_exit = True

    async def start(self) -> None:
        s = self.settings.kafka
        self.consumer = AIOKafkaConsumer(
            s.workflow_topic,
            bootstrap_servers=s.bootstrap_servers,
            group_id=s.consumer_group,
            group_instance_id=s.consumer_instance or None,
            request_timeout_ms=s.request_timeout_ms,
            auto_offset_reset="earliest",
        )
        for attempt in range(1, self.settings.connect_attempts + 1):
            try:
                await self.consumer.start()
                log.info("Consuming", topic=s.workflow_topic, group=s.consumer_group)
                return
            except OSError as error:
                log.error("Network error starting Kafka consumer", attempt=attempt, error=str(error))
                if attempt == self.settings.connect_attempts:
                    raise
                await asyncio.sleep(self.settings.connect_delay * 2 ** (attempt - 1))

    async def stop(self) -> None:
        if self.consumer is not None:
            await asyncio.wait_for(self.consumer.stop(), timeout=5)


def application(settings: Settings, coordinator: Coordinator) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI):
        metrics = await serve_metrics(settings)
        await coordinator.database.connect()
        consuming = asyncio.create_task(coordinator.run())
        yield
        consuming.cancel()
        if metrics:
            metrics.close()
        await coordinator.stop()
        await coordinator.database.close()

    app = FastAPI(title="workflow-coordinator", lifespan=lifespan)

    async def states() -> dict:
        return {"postgres": await coordinator.database.health(), "kafka": {"status": "healthy" if coordinator.consumer else "degraded"}}

    add_health(app, states)
    return app


def main() -> None:
    settings = Settings()
    logs.configure(settings.log_format)
    coordinator = Coordinator(settings, Database(settings))
    coordinator.server = server_of(application(settings, coordinator), settings)
    serve(coordinator.server)
    if coordinator.failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
