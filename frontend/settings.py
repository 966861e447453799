"""Settings of the front end: environment variables that begin with HWAPUNG_, typed and checked when the process starts.

The table in frontend/README.md documents every one of them; a test keeps the two together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import limits
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Language = Literal["en", "ko"]

#: Room in a form for what is around the file: part headers, boundaries.
FORM_OVERHEAD = 2**16


class SettingsError(Exception):
    """A setting that can't be used: one line that names the variable."""


class Settings(BaseSettings):
    """Everything that can be set, with its default. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="HWAPUNG_", frozen=True, populate_by_name=True)

    model_server_url: str = Field("http://127.0.0.1:8080", pattern=r"^https?://[^/]+$")
    models: Annotated[tuple[str, ...], NoDecode] = Field(("landscape",), min_length=1)
    languages: Annotated[tuple[Language, ...], NoDecode] = Field(("en", "ko"), min_length=1)

    reports: Path | None = None

    max_upload_bytes: int = Field(20 * 2**20, ge=1024)
    upload_timeout: float = Field(120, gt=0)
    connect_timeout: float = Field(2, gt=0)
    answer_timeout: float = Field(30, gt=0)
    queue_seconds: float = Field(0.2, gt=0)
    catalogue_seconds: float = Field(60, ge=0)
    readiness_seconds: float = Field(5, ge=0)

    video_rate: float = Field(2.0, ge=0.02, le=30)
    video_max_bytes: int = Field(512 * 2**20, ge=1024)
    video_max_seconds: float = Field(1800, gt=0)
    video_max_pixels: int = Field(4096 * 2304, ge=64)
    video_max_frames: int = Field(3600, ge=1)
    video_places: int = Field(2, ge=1)
    video_requests: int = Field(16, ge=1)
    video_retry_seconds: float = Field(30, ge=0)
    video_memory: int = Field(320 * 2**20, ge=2**27)
    video_timeout: float = Field(1800, gt=0)

    batch_max_pictures: int = Field(1000, ge=1)
    batch_max_bytes: int = Field(256 * 2**20, ge=1024)
    batch_places: int = Field(4, ge=1)
    batch_requests: int = Field(24, ge=1)
    batch_timeout: float = Field(1800, gt=0)

    upload_room: int = Field(2 * 2**30, ge=1024)

    rate_limit: str = Field("240/minute", description="limits' notation, for example 60/minute; empty: no limit")
    rate_limit_storage: str = "shared://"
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(("localhost", "127.0.0.1", "[::1]"), min_length=1)
    trusted_proxies: int = Field(0, ge=0)
    public_url: str = Field("", pattern=r"^$|^https?://[^/?#]+$")

    gallery: Path | None = None
    unsplash_access_key: SecretStr = Field(SecretStr(""), validation_alias="UNSPLASH_ACCESS_KEY")
    unsplash_application: str = Field("hwapung", pattern=r"^[\w-]+$")
    unsplash_url: str = Field("https://api.unsplash.com", pattern=r"^https?://[^/]+$")
    unsplash_pictures: str = Field("https://images.unsplash.com https://plus.unsplash.com", pattern=r"^[^;,]+$")

    bind: str = "127.0.0.1:8000"
    metrics_bind: str = Field("", pattern=r"^$|:\d+$")
    workers: int = Field(2, ge=1)
    threads: int = Field(32, ge=1)
    keep_alive: int = Field(75, ge=1)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    access_log: bool = False

    @field_validator("models", "languages", "hosts", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("upload_room")
    @classmethod
    def _holds_a_video(cls, room: int, info: ValidationInfo) -> int:
        largest = max(info.data.get(name, 0) for name in ("max_upload_bytes", "video_max_bytes", "batch_max_bytes"))
        if room < largest + FORM_OVERHEAD:
            raise ValueError(f"there is no room for the largest upload, of {largest} bytes")
        return room

    @field_validator("gallery", mode="before")
    @classmethod
    def _is_set(cls, folder: object) -> object:
        return folder or None

    @field_validator("rate_limit")
    @classmethod
    def _is_a_limit(cls, limit: str) -> str:
        if limit:
            limits.parse_many(limit)
        return limit

    @field_validator("models")
    @classmethod
    def _are_model_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not name.replace("_", "").isalnum() or not name.isascii():
                raise ValueError(f"“{name}” is not the name of a model")
        return names


def read_settings() -> Settings:
    """Read the settings from the environment.

    Raises `SettingsError` with one line that names the variable that can't be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        variable = "HWAPUNG_" + str(first["loc"][0]).upper().removeprefix("HWAPUNG_")
        raise SettingsError(f"{variable}: {first['msg']} (it is {first['input']!r}).") from None
