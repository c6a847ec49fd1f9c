"""The pool of connections to PostgreSQL."""

import asyncio

import asyncpg
import structlog

from .settings import PostgresSettings, Settings

log = structlog.get_logger("bridge.database")


class Database:
    def __init__(self, settings: Settings) -> None:
        self.settings: PostgresSettings = settings.postgres
        self.attempts, self.delay = settings.connect_attempts, settings.connect_delay
        self.pool: asyncpg.Pool | None = None
        self.error: Exception | None = None

    async def connect(self) -> None:
        """Makes the pool, after as many attempts as the settings allow."""
        s = self.settings
        for attempt in range(1, self.attempts + 1):
            try:
                self.pool = await asyncpg.create_pool(
                    host=s.host,
                    port=s.port,
                    database=s.database,
                    user=s.user,
                    password=s.password.get_secret_value(),
                    ssl=s.ssl_mode,
                    min_size=min(s.pool_min_size, s.pool_max_size),
                    max_size=s.pool_max_size,
                    timeout=s.connect_timeout,
                )
                self.error = None
                log.info("Database pool is ready", host=s.host, database=s.database, max_size=s.pool_max_size)
                return
            except (OSError, asyncio.TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self.error = error
                if attempt == self.attempts:
                    log.error("Failed to connect to PostgreSQL after all retry attempts", attempts=attempt, error=str(error))
                    raise
                delay = self.delay * 2 ** (attempt - 1)
                log.warning("Connecting to PostgreSQL failed, trying again", attempt=attempt, delay=delay, error=str(error))
                await asyncio.sleep(delay)

    async def keep_connecting(self) -> None:
        """Goes on until there is a pool."""
        while self.pool is None:
            try:
                await self.connect()
            except Exception:  # noqa: BLE001: it is logged, and told by the health endpoint
                await asyncio.sleep(10)

    async def acquire(self) -> asyncpg.pool.PoolAcquireContext:
        """A connection of the pool, or a TimeoutError where none becomes free in time."""
        assert self.pool is not None
        try:
            return await self.pool.acquire(timeout=self.settings.acquire_timeout)
        except asyncio.TimeoutError:
            log.error(
                "Database connection pool exhausted during initialization",
                size=self.pool.get_size(),
                idle=self.pool.get_idle_size(),
                max_size=self.settings.pool_max_size,
            )
            raise

    async def health(self) -> dict:
        if self.pool is None:
            return {"status": "unhealthy", "error": f"{type(self.error).__name__}: {self.error}"}
        try:
            async with self.pool.acquire(timeout=2) as connection:
                await connection.fetchval("SELECT 1")
        except Exception as error:  # noqa: BLE001: whatever it is, it is told
            return {"status": "unhealthy", "error": f"{type(error).__name__}: {error}"}
        return {"status": "healthy"}

    async def close(self) -> None:
        if self.pool is not None:
            self.pool.terminate()
