"""Files into the twin: the one path that the command line, the sample community and the API share."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shapely

from gis.errors import BadInput, Conflict, LifangError, NotFound
from gis.read import Row, check_near, read_features
from layers.records import building_drafts, map_columns, record_drafts
from layers.screening import related_rows
from layers.storeys import with_synthetic
from twin.declaration import Catalogue, Layer
from twin.difference import Change
from twin.feature import PlaceDraft
from twin.intake import IMPORT_SOURCE, Batch, Taken, take_places, take_records
from twin.query import Query
from twin.store import NewEvent, Store, Transaction

MAX_KM = 50.0
"""A layer farther than this from what is already there is in the wrong place."""

_WRITTEN_BY_OTHERS = ("unit", "storey", "space", "alarm", "review")


@dataclass(slots=True)
class Report:
    """What became of a file.

    Attributes:
        receipt: How an IFC model was read and georeferenced; ``None`` for GIS files.
        changes: Every place and record that is different now.
    """

    file: str
    counts: Mapping[str, Mapping[str, int]]
    warnings: list[str] = field(default_factory=list)
    receipt: Any = None
    changes: list[Change] = field(default_factory=list)

    def summary(self) -> str:
        """Return one line: what was added, changed, kept and ended.

        >>> Report("a.ifc", {"building": {"added": 1}, "space": {"added": 20, "ended": 1}}).summary()
        'building +1; space +20, 1 ended'
        >>> Report("empty.csv", {}).summary()
        'nothing'
        """
        return "; ".join(f"{layer} {_counted(counts)}" for layer, counts in self.counts.items()) or "nothing"


def _counted(counts: Mapping[str, int]) -> str:
    words = {"added": "+{}", "changed": "{} changed", "unchanged": "{} unchanged", "ended": "{} ended"}
    return ", ".join(text.format(counts[outcome]) for outcome, text in words.items() if counts.get(outcome))


class _Rehearsed(Exception):
    """Carries the result of a dry run out of the transaction that it rolls back."""

    def __init__(self, taken: Taken) -> None:
        super().__init__("dry run")
        self.taken = taken


class Importer:
    """Imports files into one community of a store.

    Args:
        community: Partition key of what is imported; ``None`` takes the only one the store knows.
        dry_run: Tell what would change, and change nothing.

    Raises:
        BadInput: ``import.which_community`` when the store holds several and none was named.
    """

    def __init__(self, store: Store, catalogue: Catalogue, community: str | None, *, dry_run: bool = False) -> None:
        self._dry_run = dry_run
        self._store = store
        self._catalogue = catalogue
        self.community = community or _only_community(store)

    def ifc(
        self,
        path: Path,
        *,
        at: Any = None,
        same_as: str | None = None,
        progress: Callable[[str, float], None] | None = None,
    ) -> Report:
        """Import a building model.

        Args:
            path: The model.
            at: Position given by the planner.
            same_as: Code of the building it is, or ``new``, where the twin was in doubt.
            progress: Told the step in hand.

        Raises:
            Conflict: ``import.doubtful_building``, naming the candidates.
            BadInput: ``ifc.…`` when it cannot be read or placed; the store is untouched then.
        """
        from bim_import import read_ifc

        model = read_ifc(path, at=at, progress=progress)
        self._check_extent(model.places, path.name)
        batch = self._batch(path)
        decided = None if same_as is None else {_only_building(model.places): same_as}
        taken = self._commit(lambda transaction: take_places(transaction, model.places, batch, decided))
        notices = [f"{notice.code}: {notice.message} {notice.cure}".rstrip() for notice in model.receipt.warnings]
        return _report(path, taken, notices, model.receipt)

    def gis(
        self,
        path: Path,
        layer: str,
        *,
        table: str | None = None,
        crs: str | None = None,
        encoding: str | None = None,
        dem: Path | None = None,
        id_column: str | None = None,
    ) -> Report:
        """Import a vector file or a table into a layer.

        Raises:
            NotFound: ``layer.unknown``.
            BadInput: ``gis.…`` when it cannot be read, ``import.nothing_usable``; the store is untouched then.
        """
        declared = self._importable(layer)
        notices: list[LifangError] = []
        rows = read_features(path, crs=crs, encoding=encoding, layer=table, on_warning=notices.append)
        rows = related_rows(rows, notices.append)
        self._check_rows(rows, path.name, crs)
        _check_any(rows, path, notices)
        columns = map_columns(declared, list(rows[0].properties), id_column)
        batch = self._batch(path)
        if layer == "building":
            places = with_synthetic(building_drafts(declared, rows, columns, notices.append, _dem(dem)))
            _check_any(places, path, notices)
            taken = self._commit(lambda transaction: take_places(transaction, places, batch))
        else:
            records = record_drafts(declared, rows, columns, notices.append)
            _check_any(records, path, notices)
            taken = self._commit(lambda transaction: take_records(transaction, layer, records, batch))
        return _report(path, taken, _summarised(notices))

    def _commit(self, work: Callable[[Transaction], Taken]) -> Taken:
        """Run the work and keep it, or, on a dry run, roll it back and return what it would have done."""
        if not self._dry_run:
            return self._store.write(work).result()

        def rehearse(transaction: Transaction) -> Taken:
            raise _Rehearsed(work(transaction))

        try:
            return self._store.write(rehearse).result()
        except _Rehearsed as done:
            return done.taken

    def _importable(self, name: str) -> Layer:
        layer = self._catalogue[name]
        if layer.kind == "derived" or name in _WRITTEN_BY_OTHERS:
            raise BadInput(
                "import.not_a_file_layer",
                f"Layer {name} is not imported from GIS files.",
                "Units, storeys and spaces come with IFC models; the twin writes the other layers itself.",
                layer=name,
            )
        return layer

    def _batch(self, path: Path) -> Batch:
        return Batch(id=uuid.uuid4().hex, community=self.community, source=path.name, at=datetime.now(UTC))

    def _check_rows(self, rows: list[Row], file: str, crs: str | None) -> None:
        bounds = self._extent()
        if bounds is not None:
            check_near(rows, bounds, MAX_KM, file=file, crs=crs)

    def _check_extent(self, places: list[PlaceDraft], file: str) -> None:
        rows = [
            Row(number, place.geometry, place.z_min_m, {})
            for number, place in enumerate(places, start=1)
            if place.kind == "building" and place.geometry is not None
        ]
        try:
            self._check_rows(rows, file, None)
        except BadInput as error:
            cure = "Give its position with --at, or import it into the community it belongs to."
            raise BadInput(error.code, error.message, cure, **error.facts) from error

    def _extent(self) -> tuple[float, float, float, float] | None:
        """Return the bounds of the community's buildings, or of its outline; ``None`` while it has neither."""
        for layer in ("building", "community"):
            shapes = [
                found.geometry
                for found in self._store.find(Query(layers=(layer,))).features
                if found.geometry is not None and found.community == self.community
            ]
            if shapes:
                west, south, east, north = (float(value) for value in shapely.total_bounds(shapes))
                return west, south, east, north
        return None


def imports(store: Store) -> list[dict[str, Any]]:
    """Return every import, newest first, with what it did and who undid it."""
    events = store.events(0, 1_000_000, ("change", "undo"))
    undone = {event.body["batch"]: event.body["by"] for event in events if event.kind == "undo"}
    return [
        {
            "batch": event.source_seq,
            "source": event.subject,
            "community": event.community,
            "at": event.recorded_at.isoformat(),
            "counts": event.body["counts"],
            "undone_by": undone.get(event.source_seq),
        }
        for event in reversed(events)
        if event.source == IMPORT_SOURCE
    ]


def undo_import(store: Store, batch: str, by: str, now: datetime) -> int:
    """Take an import back as a whole; return how many versions were taken back.

    Raises:
        NotFound: ``import.unknown``.
        Conflict: ``import.undone`` when it was taken back before, ``import.changed_since`` when later imports changed
            the same things.
    """
    done = store.event(IMPORT_SOURCE, batch)
    if done is None:
        raise NotFound("import.unknown", f"There was no import {batch!r}.", "See lifang import list.", batch=batch)

    def work(transaction: Transaction) -> int:
        noted = transaction.append(
            NewEvent(
                kind="undo",
                community=done.community,
                subject=done.subject,
                source="lifang:undo",
                source_seq=batch,
                occurred_at=now,
                body={"batch": batch, "by": by, "layers": done.body["layers"]},
            )
        )
        if noted is None:
            raise Conflict(
                "import.undone", f"Import {batch} was taken back before.", "Nothing needs to be done.", batch=batch
            )
        return transaction.undo(done.recorded_at)

    return store.write(work).result()


def _check_any(drafts: Sequence[object], path: Path, notices: Sequence[LifangError]) -> None:
    """Refuse a file without one usable row: taken as it is, it would say that nothing is there any more."""
    if not drafts:
        first = f": {notices[0].message}" if notices else "."
        cure = notices[0].cure if notices else "Send a file with features."
        raise BadInput("import.nothing_usable", f"No row of {path.name} can be used{first}", cure, file=path.name)


def _only_building(places: list[PlaceDraft]) -> str:
    buildings = [place.key for place in places if place.kind == "building"]
    if len(buildings) != 1:
        raise BadInput(
            "import.several_buildings",
            f"The model has {len(buildings)} buildings.",
            "Use --as with models of one building.",
        )
    return buildings[0]


def _only_community(store: Store) -> str:
    known = store.communities()
    if len(known) > 1:
        raise BadInput(
            "import.which_community",
            f"The store holds {len(known)} communities.",
            f"Name one with --community: {', '.join(known[:5])}.",
            parameter="community",
        )
    return known[0] if known else "local"


def _dem(path: Path | None) -> Any:
    if path is None:
        return None
    from gis.dem import Dem

    return Dem.open(path)


def _report(path: Path, taken: Taken, notices: list[str], receipt: Any = None) -> Report:
    counts = {layer: dict(counts) for layer, counts in taken.counts.items()}
    return Report(path.name, counts, notices + taken.problems, receipt, taken.changes)


def _summarised(notices: list[LifangError]) -> list[str]:
    """Return one line for each kind of fault in each field: the first of its kind, and how many more there are.

    >>> _summarised([BadInput("layer.bad_value", f"Row {n}: bad.", field="use") for n in (2, 3, 4)])
    ['layer.bad_value: Row 2: bad. (and 2 more like it)']
    """
    kinds: dict[tuple[str, object], list[LifangError]] = {}
    for notice in notices:
        kinds.setdefault((notice.code, notice.facts.get("field")), []).append(notice)
    return [
        f"{alike[0]} (and {len(alike) - 1} more like it)" if len(alike) > 1 else str(alike[0])
        for alike in kinds.values()
    ]
