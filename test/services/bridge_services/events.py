"""Events for Kafka. The receiver does without it: events wait until it is there."""

import asyncio

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from .settings import KafkaSettings

log = structlog.get_logger("bridge.events")


class Events:
    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self.producer: AIOKafkaProducer | None = None

    async def connect(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.bootstrap_servers,
            request_timeout_ms=self.settings.request_timeout_ms,
        )
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            log.warning("Failed to connect to Kafka broker, events are kept until it is there", error=str(error))
            await producer.stop()
            return
        self.producer = producer
        log.info("Kafka producer is ready", bootstrap_servers=self.settings.bootstrap_servers)

    def health(self) -> dict:
        return {"status": "healthy" if self.producer else "degraded"}

    async def close(self) -> None:
        if self.producer is not None:
            await asyncio.wait_for(self.producer.stop(), timeout=5)
