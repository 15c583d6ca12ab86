"""A client of the API in Python: pages followed, streams resumed, faults named, answers as GeoDataFrames."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import httpx

from gis.errors import (
    BadInput,
    Conflict,
    Forbidden,
    LifangError,
    NotFound,
    Outdated,
    TooMany,
    Unauthenticated,
    Unavailable,
)

if TYPE_CHECKING:  # types only: a client shall start at once
    import geopandas

    from api.answers.alarms import Alarm
    from api.answers.analysis import AggregateGroup
    from api.answers.common import Feature
    from api.answers.imports import ImportJob
    from api.answers.incidents import ReportedIncident
    from api.answers.live import ObservationReceipt
    from api.answers.places import Place, SearchResult
    from api.answers.ways import RouteFound

_AGAIN = (429, 503)
_PATIENCE = 5
_LONGEST_WAIT_S = 30.0
_KINDS = (BadInput, NotFound, Forbidden, Conflict, Outdated, Unavailable, Unauthenticated, TooMany)
_FAULTS: Mapping[int, type[LifangError]] = {400: BadInput, **{kind.http_status: kind for kind in _KINDS}}
_OVER = ("committed", "failed", "cancelled", "rehearsed")


class Features(list["Feature"]):
    """GeoJSON features.

    >>> Features([]).to_geodataframe().empty
    True
    """

    def to_geodataframe(self) -> "geopandas.GeoDataFrame":
        """Return them as a table in CRS84, one column a property, indexed by id."""
        import geopandas

        if not self:
            return geopandas.GeoDataFrame(geometry=[], crs="OGC:CRS84")
        frame = geopandas.GeoDataFrame.from_features(self, crs="OGC:CRS84")
        frame.index = [feature["id"] for feature in self]
        return frame

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        return str(self.to_geodataframe()._repr_html_())


class Client:
    """Speaks to one service.

    A busy service (429, 503) is asked again after the time it names; a fault is raised with its code, message and cure,
    as :class:`~gis.errors.LifangError`.

    Args:
        url: Address of the service.
        auth: Signs requests, such as :class:`api.gateway.signing.Signing`; ``None`` where the service asks for none.
        timeout_s: For each request.

    >>> Client("http://127.0.0.1:1").place("N51H042C800021-0")
    Traceback (most recent call last):
        ...
    gis.errors.Unavailable: client.no_answer: http://127.0.0.1:1 does not answer: ... Check the address.
    """

    def __init__(self, url: str, *, auth: httpx.Auth | None = None, timeout_s: float = 30.0) -> None:
        self._http = httpx.Client(base_url=url, auth=auth, timeout=timeout_s)

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def place(self, code: str, *, include: Sequence[str] = (), **when: str) -> "Place":
        """Return everything about a place, or the parts named; ``at`` and ``known_at`` are RFC 3339."""
        parts = {"include": ",".join(include)} if include else {}
        return cast("Place", self._get(f"/v1/places/{code}", **parts, **when))

    def search(self, text: str, *, layers: Sequence[str] = (), limit: int = 10) -> "list[SearchResult]":
        """Return what bears a name, best first."""
        narrowed = {"layers": ",".join(layers)} if layers else {}
        found: list[SearchResult] = self._get("/v1/search", q=text, limit=limit, **narrowed)["results"]
        return found

    def query(self, *layers: str, **question: Any) -> Features:
        """Return all features that a question asks for (:class:`api.question.Question`), page after page."""
        return Features(feature for page in self.pages(*layers, **question) for feature in page)

    def pages(self, *layers: str, **question: Any) -> Iterator[Features]:
        """Yield the pages of a question; ``limit`` is their size."""
        asked = {"limit": 1000, **question, "layers": list(layers)}
        while True:
            page = self._post("/v1/query", asked)
            yield Features(page["features"])
            if page["next"] is None:
                return
            asked["cursor"] = page["next"]

    def aggregate(self, layer: str, by: str, *, sum: str | None = None, **more: Any) -> "list[AggregateGroup]":  # noqa: A002 - as the API says
        """Return counts and sums by place or cell."""
        asked = {"layer": layer, "by": by, "sum": sum, **more}
        groups: list[AggregateGroup] = self._get("/v1/aggregate", **asked)["groups"]
        return groups

    def route(self, start: str, end: str, **barriers: str) -> "RouteFound":
        """Return the way on foot; ``route`` is ``None`` when there is no safe one."""
        return cast("RouteFound", self._get("/v1/route", **{"from": start, "to": end}, **barriers))

    def alarms(self, **conditions: Any) -> "list[Alarm]":
        """Return the alarms on the operator's list, most urgent first."""
        found: list[Alarm] = []
        asked = dict(conditions)
        while True:
            page = self._get("/v1/alarms", **asked)
            found += page["alarms"]
            if page["next"] is None:
                return found
            asked["cursor"] = page["next"]

    def observe(self, observations: Sequence[Mapping[str, Any]]) -> "ObservationReceipt":
        """Send readings; the receipt is given once they are durable, and sending them again changes nothing."""
        return cast("ObservationReceipt", self._post("/v1/observations", {"observations": list(observations)}))

    def report(self, incident: Mapping[str, Any]) -> "ReportedIncident":
        """Report an incident."""
        return cast("ReportedIncident", self._post("/v1/incidents", dict(incident)))

    def import_file(self, path: Path, *, commit: bool = False, wait_s: float = 600.0, **options: Any) -> "ImportJob":
        """Send a file in and return its import once it is rehearsed, or committed when so asked.

        Raises:
            Unavailable: ``client.import_lasts`` when it is still being read after ``wait_s``.
        """
        said = {name: str(value) for name, value in options.items()}
        until = time.monotonic() + wait_s
        with path.open("rb") as file:
            job: ImportJob = self._sent("POST", "/v1/imports", data=said, files={"file": (path.name, file)}).json()
        job = self._settled(job, until)
        if not commit or job["state"] != "rehearsed":
            return job
        return self._settled(cast("ImportJob", self._post(f"/v1/imports/{job['id']}/commit", {})), until)

    def _settled(self, job: "ImportJob", until: float) -> "ImportJob":
        while job["state"] not in _OVER:
            if time.monotonic() > until:
                raise Unavailable("client.import_lasts", f"{job['id']} is still {job['state']}.", "Ask again later.")
            time.sleep(0.1)
            job = cast("ImportJob", self._get(f"/v1/imports/{job['id']}"))
        return job

    def stream(self, *, after: int | None = None, **filters: str) -> Iterator[dict[str, Any]]:
        """Yield what happens, from ``after`` or from now on, for ever; a broken connection is taken up where it broke.

        Each message has ``kind``, ``seq`` and its members. After ``resync`` ask for the state anew.
        """
        seq, failures = after, 0
        while True:
            try:
                for message in self._events(seq, filters):
                    failures = 0
                    seq = message["seq"] if message.get("seq") is not None else seq
                    if message["kind"] != "hello":
                        yield message
            except (httpx.TransportError, httpx.StreamError):
                failures += 1
                time.sleep(min(2**failures * 0.1, _LONGEST_WAIT_S))

    def _events(self, after: int | None, filters: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        asked = {**filters, **({} if after is None else {"after": str(after)})}
        silence = httpx.Timeout(30.0, read=60.0)
        with self._http.stream("GET", "/v1/stream", params=asked, timeout=silence) as answer:
            if answer.is_error:
                answer.read()
                raise _fault(answer)
            kind, seq = "", None
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "id":
                    seq = int(value)
                elif name == "data":
                    yield {"seq": seq, **json.loads(value), "kind": kind}

    def _get(self, path: str, **parameters: Any) -> dict[str, Any]:
        said = {name: value for name, value in parameters.items() if value is not None}
        answer: dict[str, Any] = self._sent("GET", path, params=said).json()
        return answer

    def _post(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._sent("POST", path, json=document).json()
        return answer

    def _sent(self, method: str, path: str, **content: Any) -> httpx.Response:
        for attempt in range(_PATIENCE):
            try:
                answer = self._http.request(method, path, **content)
            except httpx.TransportError as error:
                raise Unavailable(
                    "client.no_answer", f"{self._http.base_url} does not answer: {error}.", "Check the address."
                ) from error
            if answer.status_code not in _AGAIN or attempt == _PATIENCE - 1 or "files" in content:
                break
            time.sleep(min(_seconds(answer, attempt), _LONGEST_WAIT_S))
        if answer.is_error:
            raise _fault(answer)
        return answer


def _seconds(answer: httpx.Response, attempt: int) -> float:
    """Return how long to wait: what the service says, else longer each time."""
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isdigit() else 0.2 * 2**attempt


def _fault(answer: httpx.Response) -> LifangError:
    """Return the problem that an answer tells of."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    facts = {
        name: value for name, value in said.items() if name not in ("code", "detail", "cure", "type", "title", "status")
    }
    kind = _FAULTS.get(answer.status_code, LifangError)
    code, message = said.get("code", f"http.{answer.status_code}"), said.get("detail", answer.reason_phrase)
    return kind(code, message, said.get("cure", "See /docs."), **facts)
