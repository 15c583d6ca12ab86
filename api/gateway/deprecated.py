"""Routes on their way out: what answers say of them (RFC 9745, RFC 8594). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime


@dataclass(frozen=True, slots=True)
class Deprecated:
    """A route that something better stands beside.

    Attributes:
        since: From when on it should not be used (UTC).
        sunset: From when on it may be gone; ``None``: not decided.
        successor: Address of what to use instead.
    """

    since: datetime
    sunset: datetime | None
    successor: str

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Return what every answer of the route tells.

        >>> from datetime import UTC
        >>> old = Deprecated(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), "/v2/query")
        >>> for name, value in old.headers(): print(name.decode(), value.decode())
        deprecation @1767225600
        link </v2/query>; rel="successor-version"
        sunset Fri, 01 Jan 2027 00:00:00 GMT
        """
        told = [
            (b"deprecation", f"@{int(self.since.timestamp())}".encode()),
            (b"link", f'<{self.successor}>; rel="successor-version"'.encode()),
        ]
        if self.sunset is not None:
            told.append((b"sunset", format_datetime(self.sunset, usegmt=True).encode()))
        return tuple(told)


DEPRECATED: Mapping[str, Deprecated] = {}
"""Route, as its template, → what is said of it. A route leaves ``/v1`` only through this table."""
