"""Settings, read once from the environment by the composition root (``LIFANG_*``; see docs/configuration.md)."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from layers.sources.topics import TOPICS


def _path_or_url(value: Any) -> Any:
    return Path(value) if isinstance(value, str) and not value.startswith(("postgresql://", "postgres://")) else value


class Settings(BaseSettings):
    """What an installation decides. Everything has a value that suits one laptop."""

    model_config = SettingsConfigDict(env_prefix="LIFANG_", frozen=True, populate_by_name=True)

    store: Annotated[Path | str, BeforeValidator(_path_or_url)] = Field(
        Path(".lifang/twin.gpkg"), description="The twin: path of the embedded GeoPackage, or postgresql://…"
    )
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 serves the whole network.")
    port: int = Field(
        8000,
        ge=1,
        le=65535,
        validation_alias=AliasChoices("LIFANG_PORT", "PORT"),
        description="TCP port to listen on; PORT is read as well.",
    )
    origin: str | None = Field(
        None, description="Public address people use, such as https://twin.example.cn; needed behind a proxy."
    )
    community: str | None = Field(
        None, description="Community that imports belong to; may stay unset while the store holds only one."
    )
    layers: Path | None = Field(None, description="Folder with further layer declarations (YAML).")
    spool: Path | None = Field(
        None, description="Folder for uploads that wait and for readings of models; unset, it stands beside the store."
    )
    upload_mb: int = Field(1024, ge=1, description="Largest file that may be uploaded, megabytes.")
    keys: Path | None = Field(
        None, description="File of the master key that secrets are derived from; unset, it stands beside the store."
    )
    access: Literal["open", "signed"] = Field(
        "open", description="Whether who names no application may call; signed closes all but health and pages."
    )
    deny: list[str] = Field(default_factory=list, description="Addresses (CIDR) that get no answer but 403; JSON.")
    anonymous_per_s: int = Field(
        0, ge=0, description="Calls a second one address may make without application; 0: no limit."
    )
    log_requests: bool = Field(default=False, description="Write a line of JSON for every request.")
    signed: bool = Field(default=False, description="Refuse observations that no device has signed.")
    clock_ahead_s: int = Field(600, ge=0, description="How far ahead of ours a device's clock may be, seconds.")
    late_days: int = Field(400, ge=1, description="How late an observation may come, days.")
    contact: str | None = Field(None, description="Who answers for the data; shown in the catalogue.")
    licence: str | None = Field(None, description="Terms on which the data may be used; shown in the catalogue.")
    streams: dict[str, str] = Field(
        default_factory=dict, description="Addresses of video streams by scheme, {id} for the camera; JSON."
    )
    mqtt: str | None = Field(None, description="The broker to listen to: mqtt://USER@HOST:PORT, or mqtts:// with TLS.")
    mqtt_password: SecretStr | None = Field(None, description="Password of the service at the broker.")
    mqtt_ca: Path | None = Field(None, description="Certificates the broker's is checked against, PEM.")
    mqtt_client: str = Field("lifang", min_length=1, description="Name of the session at the broker, one a process.")
    mqtt_share: str | None = Field(None, description="Processes with the same share divide the messages among them.")
    mqtt_version: Literal["5", "3.1.1"] = Field("5", description="Version of MQTT.")
    mqtt_topics: dict[str, str] = Field(
        default_factory=lambda: dict(TOPICS), description="Topics to listen to: template → source; JSON."
    )
    webhooks_inside: bool = Field(default=True, description="Webhooks may lead to private and loopback addresses.")
    sample: Path = Field(Path(".lifang/sample"), description="Folder of the generated sample community.")
    retention: Path | None = Field(
        None,
        description="Policy in YAML of how long what is kept, applied once a day; `standard` is the product's own. "
        "Nothing is removed while it is unset.",
    )


def spool_of(chosen: Settings) -> Path:
    """Return the folder for uploads and readings.

    >>> spool_of(Settings(store="data/twin.gpkg")).as_posix(), spool_of(Settings(store="postgresql://db/twin")).as_posix()
    ('data/twin.imports', '.lifang/imports')
    """
    if chosen.spool is not None:
        return chosen.spool
    store = chosen.store
    return store.with_suffix(".imports") if isinstance(store, Path) else Path(".lifang/imports")


def keys_of(chosen: Settings) -> Path:
    """Return the file of the master key.

    >>> keys_of(Settings(store="data/twin.gpkg")).as_posix(), keys_of(Settings(store="postgresql://db/twin")).as_posix()
    ('data/twin.key', '.lifang/master.key')
    """
    if chosen.keys is not None:
        return chosen.keys
    store = chosen.store
    return store.with_suffix(".key") if isinstance(store, Path) else Path(".lifang/master.key")


def photos_of(chosen: Settings) -> Path:
    """Return the folder for photos of incidents: beside the store, because they are kept as long as it is.

    >>> photos_of(Settings(store="data/twin.gpkg")).as_posix()
    'data/twin.photos'
    """
    store = chosen.store
    return store.with_suffix(".photos") if isinstance(store, Path) else Path(".lifang/photos")
