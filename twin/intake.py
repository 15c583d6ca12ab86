"""What importers read becomes places: matched first, minted last, all in one transaction."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import shapely

from gis.errors import BadInput, Conflict
from twin.batch import Batch, Taken, announce, end, put, standing_in
from twin.feature import Feature, PlaceDraft, RecordDraft
from twin.geocode import with_address
from twin.matching import Doubt
from twin.minting import building_codes, derive_grids, is_building_sized, mint_spaces, storey_key, unit_key
from twin.query import Query
from twin.recognise import Recognition, recognise
from twin.records import add_records
from twin.review import close, draft_of, pending, record_of
from twin.store import Descent, Identifier, Transaction

_CHILDREN = ("unit", "storey", "space")


def take_places(
    transaction: Transaction,
    drafts: Sequence[PlaceDraft],
    batch: Batch,
    decided: Mapping[str, str] | None = None,
    records: Callable[[Mapping[str, str]], Mapping[str, Sequence[RecordDraft]]] | None = None,
) -> Taken:
    """Store places: buildings keep the code of the building they match; their insides keep theirs by identity or door.

    Children of a building that came from the same source before and are missing now are ended. A footprint that may
    or may not be a building already there waits in the review queue.

    Args:
        transaction: All of it is one.
        drafts: Buildings and what is in them.
        batch: The import.
        decided: Draft key → code or ``new``, where a person has decided.
        records: Given the code of each draft key, the records at these places, by layer; taken in as
            :func:`twin.records.take_records` does.

    Raises:
        Conflict: ``import.doubtful_building`` for a model whose building may be one already there.
        BadInput: ``import.orphan``, ``import.shifted_datum``.
    """
    taken = _PlaceIntake(transaction, drafts, batch, decided or {}).run()
    for layer, found in (records(taken.codes) if records else {}).items():
        add_records(transaction, layer, found, batch, taken)
    announce(transaction, taken, batch)
    return taken


def decide(transaction: Transaction, review: str, choice: str, by: str, batch: Batch) -> str:
    """Settle a doubt: the waiting building is the one with code ``choice``, or ``new``; return the code it got.

    Raises:
        NotFound: ``review.unknown``, ``place.unknown``.
    """
    record = pending(transaction, review)
    draft = draft_of(record)
    own = replace(batch, source=record.source or batch.source, community=record.community)
    taken = _PlaceIntake(transaction, [draft], own, {draft.key: choice}).run()
    code = taken.codes[draft.key]
    taken.counts[record.layer]["ended"] += 1
    taken.changes.append(close(transaction, record, code, by, batch.at))
    announce(transaction, taken, own)
    return code


class _PlaceIntake:
    """One run of :func:`take_places`."""

    def __init__(
        self, transaction: Transaction, drafts: Sequence[PlaceDraft], batch: Batch, decided: Mapping[str, str]
    ) -> None:
        self._transaction = transaction
        self._batch = batch
        self._decided = decided
        self._taken = Taken()
        self._waiting: list[tuple[Feature, Feature | None]] = []
        self._names: list[Identifier] = []
        self._drafts = {draft.key: draft for draft in drafts}
        self._children: dict[str, list[PlaceDraft]] = defaultdict(list)
        for draft in drafts:
            if draft.kind != "building":
                self._children[self._root(draft)].append(draft)

    def run(self) -> Taken:
        buildings = [draft for draft in self._drafts.values() if draft.kind == "building"]
        standing = {place.id: place for place in standing_in(self._transaction, self._batch.community, "building")}
        found = recognise(self._transaction, buildings, standing, self._decided)
        for key, doubt in found.doubts.items():
            self._queue(self._drafts[key], doubt)
        codes = found.codes | self._mint(
            [draft for draft in buildings if draft.key not in found.codes and draft.key not in found.doubts]
        )
        for draft in buildings:
            if draft.key in codes:
                self._take_building(draft, codes[draft.key], standing.get(codes[draft.key]))
        self._write()
        self._descend(found, codes)
        self._taken.problems += [f"{code} changed its outline: extended, or built anew?" for code in found.altered]
        return self._taken

    def _queue(self, draft: PlaceDraft, doubt: Doubt) -> None:
        """Put a doubtful building before a planner; a whole model waits for the answer instead of standing twice."""
        names = ", ".join(f"{one.key} (overlap {one.score:.0%})" for one in doubt.candidates)
        if any(not _derived(child) for child in self._children.get(draft.key, ())):
            raise Conflict(
                "import.doubtful_building",
                f"{draft.name or draft.key} may be {names}.",
                "Say which: --as CODE or --as new; over HTTP same_as. Nothing was imported.",
                candidates=[one.key for one in doubt.candidates],
            )
        record = record_of(draft, doubt, self._batch.community, self._batch.source, self._batch.id)
        put(self._transaction, [(record, self._transaction.current(record.layer, record.id))], self._taken)
        self._taken.doubtful.append(record)
        self._taken.problems.append(f"{draft.name or draft.key} may be {names}; it waits in the review queue")

    def _descend(self, found: Recognition, codes: Mapping[str, str]) -> None:
        """Record divisions and unions; what was absorbed ends, with everything in it."""
        at = self._batch.at
        for code, parts in found.splits.items():
            for part in parts:
                self._transaction.descend(Descent(self._batch.community, code, codes[part], "split", at))
        for kept, absorbed in found.merges.items():
            for code in absorbed:
                self._transaction.descend(Descent(self._batch.community, code, kept, "merge", at))
                inside = self._transaction.find(Query(layers=("building", *_CHILDREN), within=code)).features
                end(self._transaction, inside, self._batch, self._taken)

    def _root(self, draft: PlaceDraft) -> str:
        """Return the key of the building draft above."""
        seen = {draft.key}
        while draft.kind != "building":
            above = self._drafts.get(draft.parent_key or "")
            if above is None or above.key in seen:
                raise BadInput(
                    "import.orphan",
                    f"{draft.kind} {draft.key} belongs to no building.",
                    "Mend the model.",
                    global_id=draft.source_element,
                )
            seen.add(above.key)
            draft = above
        return draft.key

    def _mint(self, drafts: Sequence[PlaceDraft]) -> dict[str, str]:
        shapes = np.array([draft.geometry for draft in drafts], dtype=object)
        placed = [
            draft for draft, fits in zip(drafts, is_building_sized(shapes), strict=True) if fits and _has_area(draft)
        ]
        have = {draft.key for draft in placed}
        for draft in drafts:
            if draft.key not in have:
                self._taken.problems.append(
                    f"building {draft.name or draft.key} has no footprint of a building's size and got no code"
                )
        footprints = [draft.geometry for draft in placed if draft.geometry is not None]
        minted = self._transaction.minted(*sorted(set(derive_grids(footprints))))
        return dict(zip((draft.key for draft in placed), building_codes(footprints, minted), strict=True))

    def _take_building(self, draft: PlaceDraft, code: str, standing: Feature | None) -> None:
        attributes = {**(standing.attributes if standing else {}), **draft.attributes}
        feature = _shaped(self._feature(draft, code, parent=None, attributes=attributes), standing)
        self._store(with_address(feature, feature), draft, standing)
        children = self._children.get(draft.key)
        if children:
            self._take_children(code, feature, children, is_new=standing is None)

    def _take_children(self, building: str, above: Feature, drafts: Sequence[PlaceDraft], *, is_new: bool) -> None:
        # A code is minted once: what bears a new one has never had anything in it.
        found = () if is_new else self._transaction.find(Query(layers=_CHILDREN, within=building)).features
        standing = {place.id: place for place in found}
        minted = set() if is_new else set(self._transaction.minted(building + "-"))
        seen = set()
        for draft, code, parent in self._coded(building, above, drafts, standing, minted):
            seen.add(code)
            before = standing.get(code)
            if before is not None and _derived(draft) and not _derived(before):
                continue  # what a model said is not overwritten by what numbers imply
            feature = _shaped(self._feature(draft, code, parent, draft.attributes), before)
            self._store(with_address(feature, above), draft, before)
        modelled = any(not _derived(draft) for draft in drafts)
        gone = [
            place
            for place in found
            if place.id not in seen and (place.source == self._batch.source or (modelled and _derived(place)))
        ]
        end(self._transaction, gone, self._batch, self._taken)

    def _coded(
        self,
        building: str,
        above: Feature,
        drafts: Sequence[PlaceDraft],
        standing: Mapping[str, Feature],
        minted: set[str],
    ) -> Iterable[tuple[PlaceDraft, str, str]]:
        """Yield each child with its code and its parent's code."""
        for draft in (one for one in drafts if one.kind == "unit"):
            yield draft, unit_key(building, draft.unit), building
        for draft in (one for one in drafts if one.kind == "storey" and one.storey is not None):
            code = storey_key(building, draft.unit, draft.storey or 0)
            yield draft, code, building if draft.unit is None else unit_key(building, draft.unit)
        groups: dict[str, list[PlaceDraft]] = defaultdict(list)
        for draft in (one for one in drafts if one.kind == "space"):
            storey = draft.storey or self._storey_of(draft)
            if storey is None:
                self._taken.problems.append(f"space {draft.name or draft.key} stands on no storey and got no code")
                continue
            groups[storey_key(building, draft.unit, storey)].append(replace(draft, storey=storey))
        for storey_code, rooms in sorted(groups.items()):
            yield from self._unit_storey(storey_code, rooms, minted)
            yield from self._rooms(storey_code, above, rooms, standing, minted)

    def _storey_of(self, draft: PlaceDraft) -> int | None:
        above = self._drafts.get(draft.parent_key or "")
        return None if above is None else above.storey

    def _unit_storey(
        self, code: str, rooms: Sequence[PlaceDraft], minted: set[str]
    ) -> Iterable[tuple[PlaceDraft, str, str]]:
        """Yield the storey of one unit 单元 as the union of its rooms, so that every space has a parent by its code."""
        unit = rooms[0].unit
        if unit is None:
            return
        shapes = [room.geometry for room in rooms if room.geometry is not None]
        heights = [room.z_min_m for room in rooms if room.z_min_m is not None]
        tops = [room.z_max_m for room in rooms if room.z_max_m is not None]
        minted.add(code)
        yield (
            PlaceDraft(
                kind="storey",
                key=code,
                name=f"{unit}单元{rooms[0].storey}层",
                unit=unit,
                storey=rooms[0].storey,
                geometry=shapely.union_all(shapes) if shapes else None,
                z_min_m=min(heights, default=None),
                z_max_m=max(tops, default=None),
                attributes={"derived": True},
            ),
            code,
            code.rpartition("-")[0],
        )

    def _rooms(
        self,
        storey: str,
        above: Feature,
        rooms: Sequence[PlaceDraft],
        standing: Mapping[str, Feature],
        minted: set[str],
    ) -> Iterable[tuple[PlaceDraft, str, str]]:
        """Yield the spaces of one storey: known ones with the code they have, others with a new one."""
        known = {room.key: code for room in rooms if (code := self._known_space(room, standing)) is not None}
        fresh = [room for room in rooms if room.key not in known]
        if above.geometry is None:
            self._taken.problems.append(f"{len(fresh)} spaces of {above.id} got no code: the building has no footprint")
            fresh = []
        claimed = set(known.values())
        # A standing space that nobody claims by identity may be claimed by its door number or position.
        taken = (minted - set(standing)) | claimed
        codes = (
            mint_spaces(storey, fresh, above.geometry.centroid, taken) if above.geometry is not None and fresh else {}
        )
        for room in rooms:
            code = known.get(room.key) or codes.get(room.key)
            if code is not None:
                yield room, code, storey

    def _known_space(self, draft: PlaceDraft, standing: Mapping[str, Feature]) -> str | None:
        if not standing:
            return None
        self._write()  # two that bear one name are neither
        for scheme, value in sorted(draft.identifiers.items()):
            code = self._transaction.lookup(scheme, value)
            if code in standing:
                return code
        return None

    def _feature(self, draft: PlaceDraft, code: str, parent: str | None, attributes: Mapping[str, object]) -> Feature:
        return Feature(
            layer=draft.kind,
            id=code,
            community=self._batch.community,
            name=draft.name,
            place=code,
            parent=parent,
            storey=draft.storey,
            z_min_m=draft.z_min_m,
            z_max_m=draft.z_max_m,
            geometry=draft.geometry,
            stage=draft.stage,
            attributes=attributes,
            source=self._batch.source,
            source_element=draft.source_element,
            batch=self._batch.id,
        )

    def _store(self, feature: Feature, draft: PlaceDraft, standing: Feature | None) -> None:
        self._waiting.append((feature, standing))
        self._taken.codes[draft.key] = feature.id
        self._names += [
            Identifier(
                community=feature.community, place=feature.id, scheme=scheme, value=value, source=self._batch.source
            )
            for scheme, value in draft.identifiers.items()
        ]

    def _write(self) -> None:
        """Write what waits to be written; many at once cost less."""
        put(self._transaction, self._waiting, self._taken)
        self._transaction.identify_all(self._names)
        self._waiting, self._names = [], []


def _shaped(feature: Feature, standing: Feature | None) -> Feature:
    """Return the place with the shape it had where the source knows none: a model of pipes does not unmake a storey."""
    if standing is None or feature.geometry is not None:
        return feature
    return replace(feature, geometry=standing.geometry, z_min_m=standing.z_min_m, z_max_m=standing.z_max_m)


def _has_area(draft: PlaceDraft) -> bool:
    return draft.geometry is not None and draft.geometry.area > 0


def _derived(place: PlaceDraft | Feature) -> bool:
    """Tell whether a place was made up from numbers or from its parts, not stated by a model."""
    return place.attributes.get("derived") is True
