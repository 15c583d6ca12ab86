"""What of an incident may leave towards an outside CIM platform: what came of it, never the event itself (A 5.1.4e).

Events go to the organisation that decides, not to the platform; results flow back and are shown to leaders. This is
the one place that decides it: a connector to such a platform is fed by :func:`outflow` and by nothing else.
"""

from typing import Any

from layers.incident.rules import CLOSED
from twin.feature import Feature

SHARED = ("class", "level", "state", "result", "result_by", "reported_at", "feedback_at", "closed_at", "grid")
"""Fields that may leave. Not among them: title, description, device, alarm, photos, who reported, who handled."""


def outflow(record: Feature) -> dict[str, Any] | None:
    """Return what an outside CIM platform may know of an incident; ``None`` while nothing has come of it.

    >>> outflow(Feature(layer="incident", id="SJ1", community="c", attributes={"state": "handling"})) is None
    True
    >>> said = {"state": "feedback", "result": "已扑灭", "title": "王某家起火"}
    >>> outflow(Feature(layer="incident", id="SJ1", community="c", attributes=said))["result"]
    '已扑灭'
    """
    said = record.attributes
    if not said.get("result") or said["state"] not in (*CLOSED - {"merged"}, "feedback"):
        return None
    return {"no": record.id, "place": record.place, **{name: said.get(name) for name in SHARED}}
