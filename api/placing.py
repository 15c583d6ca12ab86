"""Where a model goes that does not say it: onto a building of the twin, or where an earlier version was put."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from api.import_options import ModelOptions
from api.readings import Readings
from bim_import import Fit, ImportedModel, Placement, Remembered, fitted, stand_in
from gis.errors import NotFound
from twin.batch import Batch, Taken
from twin.feature import Feature
from twin.overlap import overlaps
from twin.query import Query
from twin.store import Store, Transaction

LAYER = "placement"


class Placer:
    """Reads the models of one community so that each stands somewhere, and remembers what the planner said."""

    def __init__(self, store: Store, community: str, readings: Readings) -> None:
        self._store = store
        self._community = community
        self._readings = readings

    def read(
        self, path: Path, options: ModelOptions, progress: Callable[[str, float], None]
    ) -> tuple[ImportedModel, Placement | None]:
        """Return the model where it belongs, and the placement to remember; ``None`` when the planner gave none.

        Raises:
            NotFound: ``place.unknown``.
            BadInput: ``ifc.…``.
            Conflict: ``ifc.fit_ambiguous``.
        """
        if options.fit is not None:
            return self._fitted(path, Fit(options.fit, options.bearing), progress)
        reading = options.reading() | ({"remembered": self._remembered()} if options.at is None else {})
        return self._readings.read(path, reading, progress), options.at

    def _fitted(
        self, path: Path, wish: Fit, progress: Callable[[str, float], None]
    ) -> tuple[ImportedModel, Placement | None]:
        onto = self._building(wish.code)
        model = self._readings.read(path, {"at": stand_in(onto)}, progress)
        progress("fit", 0.0)
        return fitted(model, onto, self._ground_m(onto), wish)

    def _building(self, code: str) -> Feature:
        found = self._store.find(Query(layers=("building",), ids=(code,))).features
        if not found or found[0].community != self._community:
            raise NotFound("place.unknown", f"No building {code} stands.", "Give the code of a building.", value=code)
        return found[0]

    def _ground_m(self, building: Feature) -> float | None:
        """Return the height of the floor of its storey 1, else its lower height."""
        floors = self._store.find(Query(layers=("storey",), within=building.id, storeys=(1,))).features
        return next((floor.z_min_m for floor in floors if floor.z_min_m is not None), building.z_min_m)

    def _remembered(self) -> list[Remembered]:
        return [_of(note) for note in self._store.find(Query(layers=(LAYER,))).features if self._is_ours(note)]

    def _is_ours(self, note: Feature) -> bool:
        return note.community == self._community


def remember(transaction: Transaction, model: ImportedModel, placement: Placement, batch: Batch) -> None:
    """Keep a placement for the next version of the model; one kept for the same model before is history then."""
    stem = model.receipt.file.rpartition(".")[0]
    names = model.receipt.global_ids
    notes = transaction.find(Query(layers=(LAYER,))).features
    before = [note for note in notes if note.community == batch.community and _of(note).is_of(stem, names)]
    transaction.put(
        Feature(
            layer=LAYER,
            id=before[0].id if before else f"{batch.community}/{batch.id}",
            community=batch.community,
            name=stem,
            attributes={"placement": asdict(placement), "global_ids": sorted(names)},
            source=batch.source,
            batch=batch.id,
            valid_from=batch.at,
        )
    )


def _of(note: Feature) -> Remembered:
    return Remembered(
        placement=Placement(**note.attributes["placement"]),
        stem=note.name or "",
        global_ids=note.attributes["global_ids"],
        placed_at="" if note.valid_from is None else note.valid_from.isoformat(),
    )


def told_overlaps(transaction: Transaction, model: ImportedModel, taken: Taken) -> list[str]:
    """Return one sentence for each building of the twin that a building of the model stands on."""
    new = {
        taken.codes[place.key]: place.geometry
        for place in model.places
        if place.kind == "building" and place.key in taken.codes and place.geometry is not None
    }
    standing = {
        found.id: found.geometry
        for found in transaction.find(Query(layers=("building",))).features
        if found.geometry is not None
    }
    return [
        f"{one.code} stands on {one.share:.0%} of the footprint of {one.other}, another building; check its position"
        for one in overlaps(new, standing)
    ]
