"""What the services are told by their environment, and what they refuse."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class PostgresSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="POSTGRES_")

    host: str = "localhost"
    port: int = 5432
    database: str = "omninode_bridge"
    user: str = "bridge"
    password: SecretStr = SecretStr("")
    ssl_mode: Literal["disable", "prefer", "require"] = "disable"
    pool_min_size: int = Field(default=1, ge=0)
    pool_max_size: int = Field(default=5, ge=1)
    # Seconds.
    acquire_timeout: float = 5
    connect_timeout: float = 5
    # Whether the service starts without its database, and goes on looking for it.
    optional: bool = False

    @field_validator("password")
    @classmethod
    def password_is_provided(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            raise ValueError("Database password must be provided")
        return value


class KafkaSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: str = "localhost:9092"
    workflow_topic: str = "dev.omninode_bridge.onex.workflows.v1"
    consumer_group: str = "workflow_coordinator"
    # The name of a static member, empty for none.
    consumer_instance: str = ""
    # Milliseconds.
    request_timeout_ms: int = 5000


class Settings(BaseSettings):
    environment: Literal["development", "staging", "production"] = "development"
    log_format: Literal["json", "console"] = "json"
    host: str = "0.0.0.0"
    port: int = Field(default=8001, ge=1, le=65535)
    # Port of the metrics, 0 for none.
    metrics_port: int = Field(default=0, ge=0, le=65535)
    # How often a connection is tried, and the seconds before the second time, which double.
    connect_attempts: int = Field(default=3, ge=1)
    connect_delay: float = 0.5
    postgres: PostgresSettings = Field(default_factory=PostgresSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)

    @model_validator(mode="after")
    def production_is_encrypted(self) -> "Settings":
        if self.environment == "production" and self.postgres.ssl_mode != "require":
            raise ValueError("SSL/TLS is required in production")
        return self


class HookReceiverSettings(Settings):
    api_key: SecretStr = SecretStr("")
    # Hooks that came before the last end and are replayed at the start, each with a connection of its own.
    replay_workers: int = Field(default=2, ge=0)

    @model_validator(mode="after")
    def api_key_is_provided(self) -> "HookReceiverSettings":
        if not self.api_key.get_secret_value():
            raise ValueError("API_KEY environment variable is required for authentication")
        return self
