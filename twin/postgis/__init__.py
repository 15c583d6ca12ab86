"""The server store: PostgreSQL with PostGIS, shared by several processes of the service."""

from twin.postgis.store import PostgisStore

__all__ = ["PostgisStore"]
