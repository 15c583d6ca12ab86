"""A device as a model shows it, and the record it becomes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from twin.feature import RecordDraft

DEVICE = "device"
"""Name of the layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDraft:
    """A device as a model shows it.

    Attributes:
        number: Its number where it has one of its own; ``None``: only its GlobalId tells it.
        key: Its GlobalId; ``None`` when it has none that identifies.
        building_key: ``key`` of the building's place draft.
        space_key: ``key`` of the room it is in; ``None`` when that is left to its position.
        geometry: A point in CRS84.
        height_m: In the community's datum.
    """

    number: str | None
    key: str | None
    building_key: str
    space_key: str | None
    name: str | None
    geometry: BaseGeometry
    height_m: float
    attributes: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values; the geometry as hexadecimal WKB."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "geometry": shapely.to_wkb(self.geometry, hex=True)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "DeviceDraft":
        """Return the draft that :meth:`as_json` wrote."""
        return cls(**{**values, "geometry": shapely.from_wkb(values["geometry"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """Devices that no device type stands for.

    Attributes:
        what: IFC class, predefined type and name.
        elements: GlobalIds.
    """

    what: str
    count: int
    elements: tuple[str, ...]


def device_records(drafts: Iterable[DeviceDraft], codes: Mapping[str, str]) -> list[RecordDraft]:
    """Return the devices as records; one without a number of its own is named after its building and its GlobalId.

    Args:
        drafts: Of one model; those that nothing identifies, and those of buildings without a code, are left out.
        codes: Key of a place draft → its space code.
    """
    return [
        RecordDraft(
            id=number,
            name=draft.name,
            geometry=draft.geometry,
            height_m=draft.height_m,
            where={"code": room} if (room := codes.get(draft.space_key or "")) else {},
            attributes={"device_no": number, **draft.attributes},
        )
        for draft in drafts
        if (building := codes.get(draft.building_key))
        and (number := draft.number or (f"{building}:{draft.key}" if draft.key else None))
    ]
