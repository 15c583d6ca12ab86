"""Incidents as the API shows them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from api.devices import described
from api.state import Services
from api.view import View
from gis.errors import NotFound
from gis.local import bearing_deg, distance_m
from layers.alarm.record import named_places, place_name
from layers.incident.cap import cap_message
from layers.incident.policy import Plan, load_plans, local_plan, plan_for
from layers.incident.record import KIND, LAYER, message_of
from twin.feature import Feature
from twin.query import Query
from twin.spacecode import building_of

CAMERAS = 5
MOST_ENTRIES = 1000


def incident(seen: View, no: str) -> Feature:
    """Return an incident as the request sees it; now, also one that was closed long ago.

    Raises:
        NotFound: ``incident.unknown``.
    """
    question = seen.query(LAYER, ids=(no,))
    if seen.at is None:
        question = replace(question, during=(None, None))
    found = next(iter(seen.here.access.find(question).features), None)
    if found is None:
        raise NotFound("incident.unknown", f"There is no incident {no!r}.", "See GET /v1/incidents.", incident=no)
    return found


def page_of(seen: View, no: str, radius_m: float) -> dict[str, Any]:
    """Return all a dispatcher needs on one page: the incident, its log, cameras, responders, the plan, who is affected.

    Args:
        seen: The request's view.
        no: Number of the incident.
        radius_m: How far away responders are still listed, metres.
    """
    record = incident(seen, no)
    center = message_of(record)["center"]
    plan = plan_of(seen.here, record)
    return {
        **message_of(record),
        "place_name": name_of(seen.here, record),
        "log": log_of(seen, record),
        "cameras": [] if center is None else _cameras(seen, center),
        "responders": [] if center is None else _responders(seen, center, radius_m),
        "plan": plan and plan.model_dump(by_alias=True),
        "affected": _affected(seen, record),
    }


def log_of(seen: View, record: Feature) -> list[dict[str, Any]]:
    """Return the log of an incident, oldest first, as far as the request's clocks reach."""
    events = seen.here.store.events(0, MOST_ENTRIES, (KIND,), subjects=(record.id,))
    return [
        {**event.body["entry"], "seq": event.seq}
        for event in events
        if (seen.at is None or event.occurred_at <= seen.at)
        and (seen.known_at is None or event.recorded_at <= seen.known_at)
    ]


def plan_of(here: Services, record: Feature) -> Plan | None:
    """Return the plan for an incident, local ones first."""
    said = record.attributes
    local = (local_plan(one) for one in here.access.find(Query(layers=("emergency_plan",))).features)
    plans = [plan for plan in local if plan is not None]
    return plan_for(said["class"], said["level"], (*plans, *load_plans()))


def name_of(here: Services, record: Feature) -> str | None:
    """Return how people call the place of an incident; ``None`` outdoors."""
    if record.place is None:
        return None
    keys = tuple(key for _, key in named_places(record.place))
    found = here.store.find(Query(layers=("building", "space"), ids=keys)).features
    return place_name(record.place, {place.id: place.name for place in found})


def cap_of(seen: View, no: str) -> bytes:
    """Return an incident as CAP 1.2."""
    here, record = seen.here, incident(seen, no)
    key = None if record.place is None else building_of(record.place)
    house = None if key is None else next(iter(seen.find("building", ids=(key,))), None)
    return cap_message(
        record,
        here.incidents.policy,
        outline=None if house is None else house.geometry,
        place_name=name_of(here, record),
        plan=plan_of(here, record),
    )


def _cameras(seen: View, center: tuple[float, float]) -> list[dict[str, Any]]:
    """Return the nearest cameras with distance and the direction they lie in (D029)."""
    question = seen.query("device", filters=(("family", "video"),))
    found = seen.here.access.nearest(question, *center, CAMERAS).features
    return [{**described(seen.here, camera), **_away(camera, center)} for camera in found]


def _responders(seen: View, center: tuple[float, float], radius_m: float) -> list[dict[str, Any]]:
    """Return the grid force within a radius, nearest first; who they are is not told."""
    found = seen.find("staff", near=(*center, radius_m), limit=100)
    return [{"force_no": one.id, **_roles(one.attributes), **_away(one, center)} for one in found]


def _roles(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said.get(name) for name in ("force_type", "grid_role", "grid_code", "status")}


def _away(thing: Feature, center: tuple[float, float]) -> dict[str, Any]:
    if thing.geometry is None:
        return {"position": None, "distance_m": None, "bearing_deg": None}
    at = thing.geometry.representative_point()
    return {
        "position": [at.x, at.y],
        "distance_m": round(distance_m(*center, at.x, at.y), 1),
        "bearing_deg": round(bearing_deg(*center, at.x, at.y), 1),
    }


def _affected(seen: View, record: Feature) -> dict[str, Any] | None:
    """Return how many households and persons the building has; numbers too small to hide a person are ``None``."""
    if record.place is None:
        return None
    building = building_of(record.place)
    group = seen.here.access.total(seen.query("household", within=building), "persons")
    persons = None if group.value is None else int(group.value)
    return {"within": building, "households": group.count, "persons": persons}
