"""Runs the migrations over asyncpg, with the settings of the services."""

import asyncio

from alembic import context
from sqlalchemy import URL, pool
from sqlalchemy.ext.asyncio import create_async_engine

from bridge_services import log as logs
from bridge_services.settings import PostgresSettings


async def migrate() -> None:
    s = PostgresSettings()
    url = URL.create("postgresql+asyncpg", s.user, s.password.get_secret_value(), s.host, s.port, s.database)
    engine = create_async_engine(url, poolclass=pool.NullPool, connect_args={"ssl": s.ssl_mode})
    async with engine.connect() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


def upgrade(connection) -> None:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


logs.configure("json")
asyncio.run(migrate())
