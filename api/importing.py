"""Files into the twin: the one path that the command line, the sample community and the API share."""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shapely

from api.import_log import unchanged_since
from api.import_options import ModelOptions, Options, TableOptions, fingerprint
from api.placing import Placer, remember, told_overlaps
from api.profiles import columns_of, resolved
from api.readings import Readings
from api.shifts import check_shift
from api.taking import take_model
from gis.errors import BadInput, LifangError
from gis.read import Remote, Row, Source, check_near, read_features
from layers.records import building_drafts, record_drafts
from layers.screening import related_rows
from layers.storeys import with_synthetic
from twin import review
from twin.batch import Batch, Taken
from twin.declaration import Catalogue, Layer
from twin.difference import Change
from twin.feature import Feature, PlaceDraft
from twin.intake import take_places
from twin.query import Query
from twin.records import take_records
from twin.store import Store, Transaction

MAX_KM = 50.0
"""A layer farther than this from what is already there is in the wrong place."""

_WRITTEN_BY_OTHERS = ("unit", "storey", "space", "alarm", "review")

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file says, read and checked, before any of it is in the twin.

    Attributes:
        fingerprint: Tells the file and what was asked of it; ``None`` for what may change without a trace.
        take: Puts it into a transaction.
        receipt: How an IFC model was read and georeferenced; ``None`` for GIS files.
    """

    file: str
    fingerprint: str | None
    take: Callable[[Transaction, Batch], Taken]
    notices: list[str]
    receipt: Any = None


@dataclass(slots=True)
class Report:
    """What became of a file.

    Attributes:
        receipt: How an IFC model was read and georeferenced; ``None`` for GIS files.
        changes: Every place and record that is different now.
        doubtful: Footprints that may be buildings already there; each waits in the review queue.
        unchanged_since: The import that brought exactly this, when the file was not even read again.
        stored: Whether it is in the twin; not after a dry run, nor when something other than agreed would happen.
    """

    file: str
    counts: Mapping[str, Mapping[str, int]]
    warnings: list[str] = field(default_factory=list)
    receipt: Any = None
    changes: list[Change] = field(default_factory=list)
    doubtful: list[Feature] = field(default_factory=list)
    unchanged_since: str | None = None
    stored: bool = False

    def summary(self) -> str:
        """Return one line: what was added, changed, kept and ended.

        >>> Report("a.ifc", {"building": {"added": 1}, "space": {"added": 20, "ended": 1}}).summary()
        'building +1; space +20, 1 ended'
        >>> Report("empty.csv", {}).summary()
        'nothing'
        >>> Report("a.ifc", {}, unchanged_since="5f0c").summary()
        'unchanged since import 5f0c'
        """
        if self.unchanged_since is not None:
            return f"unchanged since import {self.unchanged_since}"
        return "; ".join(f"{layer} {_counted(counts)}" for layer, counts in self.counts.items()) or "nothing"

    def as_json(self) -> dict[str, Any]:
        """Return the receipt and the difference as plain JSON values."""
        doubtful = [
            {
                "id": record.id,
                "name": record.name,
                "reason": record.attributes["reason"],
                "candidates": record.attributes["candidates"],
                "decide": f"POST /v1/reviews/{record.id} with choice: the code of a candidate, or new",
            }
            for record in self.doubtful
        ]
        return {
            "summary": self.summary(),
            "unchanged_since": self.unchanged_since,
            "receipt": None if self.receipt is None else self.receipt.as_json(),
            "warnings": self.warnings,
            "difference": {
                "counts": self.counts,
                "changes": [asdict(one) for one in self.changes if one.layer != review.LAYER],
                "doubtful": doubtful,
            },
        }

    def difference(self) -> str:
        """Return a token that two reports share only if they tell the same changes."""
        told = [(one.layer, one.id, one.name, one.outcome, dict(one.properties)) for one in self.changes]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _counted(counts: Mapping[str, int]) -> str:
    words = {"added": "+{}", "changed": "{} changed", "unchanged": "{} unchanged", "ended": "{} ended"}
    return ", ".join(text.format(counts[outcome]) for outcome, text in words.items() if counts.get(outcome))


class _Rehearsed(Exception):
    """Carries the result of a dry run out of the transaction that it rolls back."""

    def __init__(self, report: Report) -> None:
        super().__init__("dry run")
        self.report = report


class Importer:
    """Imports files into one community of a store.

    Args:
        community: Partition key of what is imported; ``None`` takes the only one the store knows.
        dry_run: Tell what would change, and change nothing.
        readings: Reads building models, and may know them already.

    Raises:
        BadInput: ``import.which_community`` when the store holds several and none was named.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        community: str | None,
        *,
        dry_run: bool = False,
        readings: Readings | None = None,
    ) -> None:
        self._dry_run = dry_run
        self._store = store
        self._catalogue = catalogue
        self._readings = readings or Readings(None)
        self.community = community or _only_community(store)

    def ifc(self, path: Path, *, progress: Progress | None = None, **options: Any) -> Report:
        """Import a building model; the options are those of :class:`api.import_options.ModelOptions`.

        Raises:
            Conflict: ``import.doubtful_building``, naming the candidates.
            BadInput: ``ifc.…`` when it cannot be read or placed; the store is untouched then.
        """
        return self.run(path, ModelOptions(**options), progress)

    def gis(self, path: Source, layer: str, *, progress: Progress | None = None, **options: Any) -> Report:
        """Import a GIS file, a table or a source on another machine.

        The options are those of :class:`api.import_options.TableOptions`.

        Raises:
            NotFound: ``layer.unknown``.
            BadInput: ``gis.…`` when it cannot be read, ``import.nothing_usable``; the store is untouched then.
        """
        return self.run(path, TableOptions(layer=layer, **options), progress)

    def run(self, path: Source, options: Options, progress: Progress | None = None) -> Report:
        """Import a file, unless it is in the twin exactly as it is."""
        known = self.known(path, options)
        return known or self.take(self.read(path, options, progress or _silent))

    def known(self, path: Source, options: Options) -> Report | None:
        """Return what there is to tell of a file that need not be read again; ``None`` for any other."""
        mark = self._fingerprint(path, resolved(self._store, options))
        batch = None if mark is None else unchanged_since(self._store, self.community, mark)
        return None if batch is None else Report(path.name, {}, unchanged_since=batch, stored=True)

    def read(self, path: Source, options: Options, progress: Progress) -> Reading:
        """Return what a file says; an error that ``progress`` raises ends the reading."""
        if isinstance(options, TableOptions):
            return self._read_table(path, resolved(self._store, options), progress)
        if isinstance(path, Remote):
            raise BadInput(
                "import.not_a_file", f"{path} is no building model.", "Give the model's file.", file=path.name
            )
        return self._read_model(path, options, progress)

    def take(self, reading: Reading, batch: str | None = None, *, agreed: str | None = None) -> Report:
        """Put a reading into the twin, or, on a dry run, tell what that would do.

        Args:
            reading: What to take in.
            batch: Name of the import; a new one when nobody cares.
            agreed: The :meth:`Report.difference` somebody agreed to; with any other outcome nothing is stored.
        """
        one = Batch(
            id=batch or uuid.uuid4().hex,
            community=self.community,
            source=reading.file,
            at=datetime.now(UTC),
            fingerprint=reading.fingerprint,
        )

        def work(transaction: Transaction) -> Report:
            report = _report(reading, reading.take(transaction, one))
            if self._dry_run or agreed not in (None, report.difference()):
                raise _Rehearsed(report)
            report.stored = True
            return report

        try:
            return self._store.write(work).result()
        except _Rehearsed as done:
            return done.report

    def _read_model(self, path: Path, options: ModelOptions, progress: Progress) -> Reading:
        model, placement = Placer(self._store, self.community, self._readings).read(path, options, progress)
        self._check_extent(model.places, path.name)
        same_as = options.same_as or options.fit
        decided = None if same_as is None else {_only_building(model.places): same_as}
        notices = [f"{notice.code}: {notice.message} {notice.cure}".rstrip() for notice in model.receipt.warnings]

        def take(transaction: Transaction, batch: Batch) -> Taken:
            taken = take_model(transaction, model, batch, decided)
            taken.problems += told_overlaps(transaction, model, taken)
            if placement is not None:
                remember(transaction, model, placement, batch)
            return taken

        return Reading(path.name, self._fingerprint(path, options), take, notices, model.receipt)

    def _read_table(self, path: Source, options: TableOptions, progress: Progress) -> Reading:
        declared = self._importable(options.layer)
        progress("read", 0.0)
        notices: list[LifangError] = []
        rows = read_features(
            path, crs=options.crs, encoding=options.encoding, layer=options.table, on_warning=notices.append
        )
        rows = related_rows(rows, notices.append)
        self._check_rows(rows, path.name, options.crs)
        _check_any(rows, path, notices)
        progress("places", 0.0)
        columns = columns_of(self._store, declared, rows, options, notices.append)
        if options.crs is None and declared.kind == "record":
            check_shift(self._store, self.community, declared, rows, columns, file=path.name)
        take = _places_of if options.layer == "building" else _records_of
        return Reading(
            path.name,
            self._fingerprint(path, options),
            take(declared, rows, columns, options, path, notices),
            _summarised(notices),
        )

    def _fingerprint(self, path: Source, options: Options) -> str | None:
        declared = self._catalogue[options.layer] if isinstance(options, TableOptions) else None
        # What another machine holds may change without leaving a trace.
        return None if isinstance(path, Remote) else fingerprint(path, options, declared)

    def _importable(self, name: str) -> Layer:
        layer = self._catalogue[name]
        if layer.kind == "derived" or layer.access == "private" or name in _WRITTEN_BY_OTHERS:
            raise BadInput(
                "import.not_a_file_layer",
                f"Layer {name} is not imported from GIS files.",
                "Units, storeys and spaces come with IFC models; the twin writes the other layers itself.",
                layer=name,
            )
        return layer

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


def _places_of(
    declared: Layer, rows: list[Row], columns: Any, options: TableOptions, path: Source, notices: list[LifangError]
) -> Callable[[Transaction, Batch], Taken]:
    places = with_synthetic(building_drafts(declared, rows, columns, notices.append, _dem(options.dem)))
    _check_any(places, path, notices)
    return lambda transaction, batch: take_places(transaction, places, batch)


def _records_of(
    declared: Layer, rows: list[Row], columns: Any, options: TableOptions, path: Source, notices: list[LifangError]
) -> Callable[[Transaction, Batch], Taken]:
    records = record_drafts(declared, rows, columns, notices.append)
    _check_any(records, path, notices)
    return lambda transaction, batch: take_records(transaction, options.layer, records, batch)


def _silent(_stage: str, _share: float) -> None:
    """Tell nobody."""


def _check_any(drafts: Sequence[object], path: Source, notices: Sequence[LifangError]) -> None:
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


def _report(reading: Reading, taken: Taken) -> Report:
    counts = {layer: dict(counts) for layer, counts in taken.counts.items()}
    return Report(
        reading.file, counts, reading.notices + taken.problems, reading.receipt, taken.changes, taken.doubtful
    )


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
