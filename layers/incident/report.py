"""What somebody reports, before it has a number."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# A mobile number or an identity number; not the digits of a space code or an incident number.
_NUMBERS = re.compile(r"(?<![0-9A-Za-z])(?:1\d{10}|\d{17}[\dXx])(?!\d)")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A photo or recording: where it lies, and the sum that proves it is the same."""

    ref: str
    sha256: str
    media_type: str

    def as_json(self) -> dict[str, str]:
        """Return it as records hold it."""
        return {"ref": self.ref, "sha256": self.sha256, "media_type": self.media_type}


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports and how to reach them: personal, and kept apart from the incident."""

    name: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report of an incident.

    Where it is, is said by ``device``, ``facility``, ``place`` or ``position``, the first that is given; it is frozen
    at what is true now.

    Attributes:
        class_: Name of the class in ``policy.yaml``.
        severity: 1 (worst) to 4.
        source: One of the sources in ``policy.yaml``.
        source_no: The sender's own number: the same twice is the same report; ``None``: every report is a new one.
        by: Person or system that files it; never the name of a resident.
        device: Number of the device that saw it, or whose button was pressed.
        alarm: Id of the alarm it came from.
        facility: Id in the layer ``facility``, such as a QR code states.
        place: Key of a place.
        position: Longitude, latitude, CRS84 degrees.
        height_m: With ``position`` it finds the room.
        community: Needed only for what lies in no place.
        token: Unguessable; the reporter follows by it. ``None``: nobody does.
    """

    class_: str
    severity: int
    source: str
    title: str
    by: str
    occurred_at: datetime
    source_no: str | None = None
    description: str | None = None
    device: str | None = None
    alarm: str | None = None
    facility: str | None = None
    place: str | None = None
    position: tuple[float, float] | None = None
    height_m: float | None = None
    community: str | None = None
    attachments: tuple[Attachment, ...] = ()
    reporter: Reporter = Reporter()
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a report.

    Attributes:
        no: Number of the incident.
        created: ``False`` when the same report had been filed before.
        token: The reporter follows by it; ``None`` when nobody does.
        message: The incident as the API and the stream show it.
    """

    no: str
    created: bool
    token: str | None
    message: Mapping[str, Any]


def concealed(text: str | None) -> str | None:
    """Return a text whose telephone and identity numbers cannot be read: reporters write them where they should not.

    >>> concealed("请打13812345678，房号0501，身份证 11010519491231002X")
    '请打138****5678，房号0501，身份证 110****002X'
    >>> concealed(None) is None
    True
    """
    return None if text is None else _NUMBERS.sub(lambda found: f"{found[0][:3]}****{found[0][-4:]}", text)
