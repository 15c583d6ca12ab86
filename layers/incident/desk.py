"""The desk: takes reports and steps inside one transaction, keeps the records, writes the log."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from gis.errors import BadInput, Conflict, NotFound
from layers.alarm.record import utc
from layers.incident.place import Site, site_of
from layers.incident.policy import Policy, load_policy
from layers.incident.record import KIND, LAYER, described, incident_of, message_of, updated
from layers.incident.report import Report, Reported, concealed
from layers.incident.rules import Entry, Step, applied, begun, next_entry
from layers.incident.times import awaited
from twin.event import NewEvent
from twin.feature import Feature
from twin.query import Query
from twin.store import Transaction

REPORTS, FOLLOWS = "incident_report", "incident_follow"
"""Private: who reported what, and which token follows which incident."""

SHOWN_AFTER = timedelta(days=1)
"""So long a closed incident stays on the map."""

SUPERVISION = "时限督办"
"""Who writes in the log that a step is overdue."""

_CHINA = timezone(timedelta(hours=8))
_SOURCE = "lifang:incident"
_SPOKEN = ("note", "reason", "result", "text")


def report(transaction: Transaction, filed: Report, now: datetime, policy: Policy | None = None) -> Reported:
    """File a report inside a transaction; the same ``(source, source_no)`` again is the same incident.

    Args:
        transaction: All of it happens or nothing does.
        filed: What is reported.
        now: The moment of the transaction, UTC.
        policy: Classes and levels; ``None`` for those that come with the product.

    Raises:
        BadInput: ``incident.class``, ``incident.severity``, ``incident.source``, or what
            :func:`layers.incident.place.site_of` raises.
    """
    rules = policy or load_policy()
    level = rules.level(filed.class_, filed.severity)
    if filed.source not in rules.sources:
        raise BadInput(
            "incident.source",
            f"There is no source {filed.source!r}.",
            f"Use one of: {', '.join(rules.sources)}.",
            field="source",
        )
    known = _filed(transaction, filed)
    if known is not None:
        record = _record(transaction, known.attributes["incident"])
        return Reported(record.id, created=False, token=known.attributes.get("token"), message=message_of(record))
    return _file(transaction, filed, level, now)


def take(
    transaction: Transaction, no: str, step: Step, by: str, now: datetime, facts: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Do one step of an incident inside a transaction; return its message.

    ``merge`` needs ``into``, the number of the incident that goes on; both logs tell of it.

    Raises:
        NotFound: ``incident.unknown``.
        Conflict: ``incident.step``, ``incident.merged_into_itself``.
        BadInput: ``incident.no_result``.
    """
    said = dict(facts or {})
    message = _step(transaction, no, step, by, now, said)
    if step == "merge":
        if said["into"] == no:
            raise Conflict("incident.merged_into_itself", f"{no} is itself.", "Name another incident.", incident=no)
        _step(transaction, said["into"], "absorb", by, now, {"no": no})
    return message


def overrun(transaction: Transaction, no: str, now: datetime, policy: Policy) -> None:
    """Note that the next step of an incident did not come in its time; nothing when it did, or was noted already."""
    record = transaction.current(LAYER, no)
    incident = None if record is None else incident_of(record)
    waited = None if incident is None else awaited(incident, policy)
    if record is None or incident is None or waited is None or waited.due > now:
        return
    facts = {"awaits": waited.step, "due": utc(waited.due)}
    entry = Entry(incident.entries + 1, "overdue", SUPERVISION, max(now, incident.changed_at), facts)
    changed = replace(updated(record, applied(incident, entry)), valid_from=entry.at)
    _write(transaction, changed, entry)


def result_of(
    transaction: Transaction, no: str, system: str, source_no: str, now: datetime, result: str
) -> dict[str, Any]:
    """Take a result that flows back from another system (A 5.1.4e); the same one again changes nothing.

    Raises:
        NotFound: ``incident.unknown``.
        Conflict: ``incident.step`` when the incident is closed.
    """
    key = f"result:{system}/{source_no}"
    if transaction.current(REPORTS, key) is not None:
        return message_of(_record(transaction, no))
    message = _step(transaction, no, "result", system, now, {"result": result, "source_no": source_no})
    community = _record(transaction, no).community
    transaction.put(Feature(layer=REPORTS, id=key, community=community, valid_from=now, attributes={"incident": no}))
    return message


def _file(transaction: Transaction, filed: Report, level: int, now: datetime) -> Reported:
    site = site_of(transaction, filed)
    no = _number(transaction, now)
    facts = {"class": filed.class_, "severity": filed.severity, "level": level, "source": filed.source}
    entry = Entry(1, "report", filed.by, now, facts)
    record = updated(_new(no, filed, site, now), begun(no, entry))
    _write(transaction, record, entry)
    _remember(transaction, record, filed, now)
    return Reported(no, created=True, token=filed.token, message=message_of(record, entry))


def _new(no: str, filed: Report, site: Site, now: datetime) -> Feature:
    return Feature(
        layer=LAYER,
        id=no,
        community=site.community,
        name=described(filed, None)["title"],
        place=site.place,
        storey=site.storey,
        z_min_m=site.z_m,
        z_max_m=site.z_m,
        geometry=site.geometry,
        attributes=described(filed, site.grid),
        source=_SOURCE,
        valid_from=min(filed.occurred_at, now),
    )


def _remember(transaction: Transaction, record: Feature, filed: Report, now: datetime) -> None:
    """Keep who reported, apart from the incident, and what the reporter follows by."""
    personal = {
        "incident": record.id,
        "token": filed.token,
        "name": filed.reporter.name,
        "phone": filed.reporter.phone,
        "title": filed.title,
        "description": filed.description,
    }
    held = {name: value for name, value in personal.items() if value is not None}
    key = _report_key(filed) or f"/{record.id}"
    notes = [Feature(layer=REPORTS, id=key, community=record.community, valid_from=now, attributes=held)]
    if filed.token is not None:
        follow = {"incident": record.id}
        notes.append(
            Feature(layer=FOLLOWS, id=filed.token, community=record.community, valid_from=now, attributes=follow)
        )
    transaction.put_all(notes)


def _report_key(filed: Report) -> str | None:
    return None if filed.source_no is None else f"{filed.source}/{filed.source_no}"


def _filed(transaction: Transaction, filed: Report) -> Feature | None:
    key = _report_key(filed)
    return None if key is None else transaction.current(REPORTS, key)


def _number(transaction: Transaction, now: datetime) -> str:
    """Return a number that no incident bears: the moment as clocks in China show it, and a count within the second."""
    moment = f"SJ{now.astimezone(_CHINA):%Y%m%d%H%M%S}"

    def free(n: int) -> bool:
        return not _versions(transaction, f"{moment}-{n:02d}")

    above = 1
    while not free(above):
        above *= 2
    # The count has no holes; a storm within one second asks for few of its numbers.
    tried = range(above // 2 + 1, above)
    return f"{moment}-{above // 2 + 1 + bisect_left(tried, True, key=free):02d}"


def _versions(transaction: Transaction, no: str) -> Sequence[Feature]:
    return transaction.find(Query(layers=(LAYER,), ids=(no,), during=(None, None))).features


def _record(transaction: Transaction, no: str) -> Feature:
    found = transaction.current(LAYER, no) or next(iter(_versions(transaction, no)), None)
    if found is None:
        raise NotFound("incident.unknown", f"There is no incident {no!r}.", "See GET /v1/incidents.", incident=no)
    return found


def _step(
    transaction: Transaction, no: str, step: Step, by: str, now: datetime, facts: Mapping[str, Any]
) -> dict[str, Any]:
    record = _record(transaction, no)
    before = incident_of(record)
    spoken = {name: concealed(value) if name in _SPOKEN else value for name, value in facts.items()}
    entry = next_entry(before, step, by, now, spoken)
    after = applied(before, entry)
    changed = replace(updated(record, after), valid_from=entry.at)
    return _write(transaction, changed, entry, closes=not after.open)


def _write(transaction: Transaction, record: Feature, entry: Entry, *, closes: bool = False) -> dict[str, Any]:
    message = message_of(record, entry)
    written = transaction.append(
        NewEvent(
            kind=KIND,
            community=record.community,
            subject=record.id,
            source=_SOURCE,
            source_seq=f"{record.id}:{entry.n}",
            occurred_at=entry.at,
            body=message,
        )
    )
    if written is None:
        raise Conflict(
            "incident.changed", f"{record.id} was changed at the same time.", "Try again.", incident=record.id
        )
    transaction.put(record)
    if closes:
        transaction.end(LAYER, record.id, entry.at + SHOWN_AFTER)
    return {**message, "seq": written.seq}
