"""An incident as a Common Alerting Protocol 1.2 message (OASIS CAP-v1.2), in Chinese and English. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import shapely
from lxml import etree
from shapely.geometry.base import BaseGeometry

from gis.local import distance_m
from layers.incident.policy import Plan, Policy
from layers.incident.record import incident_of
from layers.incident.rules import Incident
from twin.feature import Feature
from twin.spacecode import SpaceCode

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE = "application/cap+xml"

_DEFAULT: Any = {None: NAMESPACE}  # the stubs know no default namespace
_CHINA = timezone(timedelta(hours=8))
_LEAST_KM = 0.05
_RESTRICTION = "For the emergency services of the community only"
_Language = Literal["zh", "en"]
_TAGS: tuple[tuple[_Language, str], ...] = (("zh", "zh-CN"), ("en", "en"))


def cap_message(
    record: Feature, policy: Policy, *, outline: BaseGeometry | None, place_name: str | None, plan: Plan | None
) -> bytes:
    """Return the CAP 1.2 alert of an incident as UTF-8 XML.

    The first message of an incident is an ``Alert``, later ones an ``Update`` of it, the last a ``Cancel``. Nothing in
    it is personal.

    Args:
        record: Of the layer ``incident``.
        policy: Titles and codes of class, level and source.
        outline: CRS84 outline of the building; ``None`` outdoors.
        place_name: How people call the place.
        plan: What it instructs people to do; ``None`` leaves the instruction out.
    """
    incident = incident_of(record)
    sender, sent = f"lifang.{record.community}", _time(incident.changed_at)
    alert = etree.Element("alert", nsmap=_DEFAULT)
    _add(alert, "identifier", f"{incident.no}.{incident.entries}")
    _add(alert, "sender", sender)
    _add(alert, "sent", sent)
    _add(alert, "status", "Actual")
    _add(alert, "msgType", _kind(incident))
    _add(alert, "scope", "Restricted")
    _add(alert, "restriction", _RESTRICTION)
    if incident.entries > 1:
        _add(alert, "references", f"{sender},{incident.no}.1,{_time(incident.reported_at)}")
    for language, tag in _TAGS:
        info = etree.SubElement(alert, "info")
        _inform(info, incident, record, policy, plan, language, tag)
        _locate(etree.SubElement(info, "area"), record, outline, place_name)
    _qualify(alert)
    return bytes(etree.tostring(alert, encoding="UTF-8", xml_declaration=True, pretty_print=True))


def _inform(
    info: Any, incident: Incident, record: Feature, policy: Policy, plan: Plan | None, language: _Language, tag: str
) -> None:
    """Write what is the matter, in the order of the schema."""
    kind, level = policy.class_of(incident.class_), policy.levels[incident.level]  # type: ignore[index]
    said = record.attributes
    _add(info, "language", tag)
    _add(info, "category", kind.category)
    _add(info, "event", getattr(kind.title, language))
    _add(info, "responseType", "AllClear" if incident.state == "feedback" else kind.response)
    _add(info, "urgency", level.urgency if incident.open else "Past")
    _add(info, "severity", level.severity)
    _add(info, "certainty", policy.sources[incident.source].certainty if incident.accepted_at is None else "Observed")
    _value(info, "eventCode", "lifang:class", incident.class_)
    _add(info, "effective", _time(incident.changed_at))
    _add(info, "onset", _time(datetime.fromisoformat(said["occurred_at"])))
    _add(info, "senderName", "里坊 Lifang")
    _add(info, "headline", said["title"])
    if said.get("description"):
        _add(info, "description", said["description"])
    if plan is not None and incident.open:
        _add(info, "instruction", "\n".join(getattr(step, language) for step in plan.steps))
    _value(info, "parameter", "lifang:level", str(incident.level))
    _value(info, "parameter", "lifang:state", incident.state)


def _locate(area: Any, record: Feature, outline: BaseGeometry | None, place_name: str | None) -> None:
    """Write where it is: the outline of the building and the circle around it; CAP puts latitude first."""
    code = None if record.place is None else SpaceCode.parse(record.place).text
    _add(area, "areaDesc", place_name or code or "—")
    for ring in _rings(outline):
        _add(area, "polygon", " ".join(f"{lat:.7f},{lon:.7f}" for lon, lat in ring))
    if record.geometry is not None:
        middle = record.geometry.representative_point()
        farthest_m = max((distance_m(middle.x, middle.y, *at) for ring in _rings(outline) for at in ring), default=0.0)
        _add(area, "circle", f"{middle.y:.7f},{middle.x:.7f} {max(_LEAST_KM, farthest_m / 1000):.3f}")
    if code is not None:
        _value(area, "geocode", "lifang:space_code", code)


def _rings(outline: BaseGeometry | None) -> Iterator[Sequence[tuple[float, float]]]:
    for part in [] if outline is None else shapely.get_parts(outline):
        if part.geom_type == "Polygon":
            yield [(float(lon), float(lat)) for lon, lat in part.exterior.coords]


def _kind(incident: Incident) -> str:
    if not incident.open:
        return "Cancel" if incident.entries > 1 else "Alert"
    return "Alert" if incident.entries == 1 else "Update"


def _time(moment: datetime) -> str:
    """Return a moment as CAP writes it: whole seconds, with the zone as digits."""
    return moment.astimezone(_CHINA).isoformat(timespec="seconds")


def _value(parent: Any, name: str, key: str, value: str) -> None:
    pair = etree.SubElement(parent, name)
    _add(pair, "valueName", key)
    _add(pair, "value", value)


def _add(parent: Any, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = _printable(text)


def _printable(text: str) -> str:
    """Return a text without the control characters that XML cannot hold."""
    return "".join(sign for sign in text if sign in "\t\n" or (sign >= " " and sign not in "\ufffe\uffff"))


def _qualify(alert: Any) -> None:
    for element in alert.iter():
        element.tag = f"{{{NAMESPACE}}}{element.tag}"
