"""Recognise buildings that were surveyed again: the one matcher, used by every way into the twin.

No code computed from an outline survives a new survey, so a code is kept by recognising its building. A whole survey
may lie a metre or more beside the old one; that common shift is found first and taken away. Outlines that then overlap
well, one with one, are the same building. Clean divisions and unions are settled by rule; what geometry cannot decide
is left for a person. Nothing is stored here, and the order of the input does not matter.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from gis import beidou
from gis.datum import Datum, convert_geometry
from gis.errors import BadInput
from gis.local import LocalFrame, move_points
from twin.minting import derive_grid

Reason = Literal["weak", "contested"]

SAME_IOU = 0.4
"""Overlap (intersection over union) from which two outlines may be one building."""
DOUBTFUL_IOU = 0.2
"""Overlap below which they are two."""

_PART_COVER = 0.8  # of a part lies inside the whole it was split from or merged into
_WHOLE_COVER = (0.6, 1.1)  # of the whole is made up by its parts; above 1 they lie on top of one another
_LARGEST_PART = 0.9  # of the whole; beyond, the whole goes on and the rest is an addition
_SURVEY_NOISE_M = 0.5
_LEAST_PAIRS = 5
_LEAST_SHARE = 0.1
_SEARCH_M = 12  # less than lies between equal slabs of an estate: a whole row must not be taken for its neighbour
_REACH_M = 8.0
_LIKE_AREA = 1.25

Shapes = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """An old building that a new footprint may be, and how well they overlap (IoU, 0 to 1, shift removed)."""

    key: str
    score: float


@dataclass(frozen=True, slots=True)
class Doubt:
    """A new footprint that a person must decide on, best candidate first.

    ``weak``: the overlap is neither small nor large. ``contested``: a better match took the code.
    """

    index: int
    reason: Reason
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A building divided: ``kept`` bears its code on; ``parts`` are new buildings that succeed it."""

    key: str
    kept: int
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """Buildings united in one: it bears the code ``kept`` of the largest; ``retired`` end and are succeeded by it."""

    index: int
    kept: str
    retired: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """What became of each new footprint (by its index) and each old building (by its key).

    Each new index is in exactly one of ``assigned``, ``review``, ``unmatched``. Each old key is assigned, retired by a
    merge, a candidate in ``review``, or in ``gone``.

    Attributes:
        assigned: New index → the building it is.
        altered: Those of ``assigned`` whose outline changed by more than survey noise: extended, or pulled down and
            built anew on the spot. Geometry cannot tell which; completion date or height must.
        review: Footprints for a person to decide.
        splits: Divided buildings; their ``parts`` are also ``unmatched``.
        merges: United buildings.
        unmatched: New buildings, to be minted.
        gone: Old buildings of which nothing was found.
        shift_m: Common shift, metres east and north, of the new survey against the old; up to 12 m each way is looked
            for. Zero when too few pairs agree.
    """

    assigned: Mapping[int, Candidate]
    altered: tuple[int, ...]
    review: tuple[Doubt, ...]
    splits: tuple[Split, ...]
    merges: tuple[Merge, ...]
    unmatched: tuple[int, ...]
    gone: tuple[str, ...]
    shift_m: tuple[float, float]


class _Pair(NamedTuple):
    """A part that overlaps a whole; ``of_part`` and ``of_whole`` say how much of each is common, 0 to 1."""

    part: int
    whole: int
    of_part: float
    of_whole: float
    iou: float

    def turned(self) -> "_Pair":
        """Return the same pair with the whole seen as the part."""
        return _Pair(self.whole, self.part, self.of_whole, self.of_part, self.iou)


def match(new: Sequence[BaseGeometry | None], old: Mapping[str, BaseGeometry | None]) -> Matching:
    """Return which new CRS84 footprints are which old buildings.

    Args:
        new: Footprints of the new survey; one that is ``None`` or has no area is ``unmatched``.
        old: Footprints of the buildings now valid, by key.

    >>> house = shapely.box(120.0, 30.0, 120.0002, 30.0001)
    >>> found = match([house, None], {"N51H0420000000-0": house})
    >>> found.assigned[0].key, found.unmatched, found.gone
    ('N51H0420000000-0', (1,), ())
    >>> match([], {}).shift_m
    (0.0, 0.0)
    """
    # In an order of its own, every tie below can be settled by position, whatever order the caller used.
    keys = sorted(old)
    new_shapes, old_shapes = _polygons(new), _polygons([old[key] for key in keys])
    order = np.array(sorted(range(len(new)), key=_outlines(new_shapes).__getitem__), dtype=np.int64)
    after, before = _in_metres(new_shapes[order], old_shapes)
    shift = _common_shift(after, before)
    after = _moved(after, -shift)
    found = _settle(_overlaps(after, before))
    altered = [at for at, pair in found.assigned.items() if _is_altered(after[at], before[pair.whole], pair)]
    return _report(found, altered, order, keys, shift)


def shifted_datum(new: Sequence[BaseGeometry | None], old: Mapping[str, BaseGeometry | None]) -> Datum | None:
    """Return the map datum that a new survey was left in by mistake, ``None`` when there is no sign of one.

    The sign: put back from GCJ-02 or BD-09, half of the footprints or more fall on old ones of like size, and at least
    twice as many as do unmoved. Such a survey lies hundreds of metres away and would be taken for a new town.

    Args:
        new: Footprints said to be CRS84.
        old: Footprints of the buildings now valid, CRS84, by key.

    >>> shifted_datum([], {}) is None
    True
    """
    here, there = _polygons(new), _polygons([old[key] for key in sorted(old)])
    try:
        put_back = {datum: convert_geometry(here, datum, Datum.WGS84) for datum in Datum}
    except BadInput:
        return None  # outside China there is no other datum to be in
    hits = {datum: _coinciding(shapes, there) for datum, shapes in put_back.items()}
    likely = max(Datum, key=lambda datum: hits[datum])
    enough = max(_LEAST_PAIRS, shapely.is_geometry(here).sum() / 2, 2 * hits[Datum.WGS84])
    return likely if likely is not Datum.WGS84 and hits[likely] >= enough else None


def integrity(key: str, footprint: BaseGeometry) -> Literal["exact", "near", "drift"]:
    """Tell whether a footprint (CRS84) still lies where its code was anchored; a code is never renamed for it.

    ``exact``: the centroid is in the code's cell; ``near``: in one of the eight around; ``drift``: beyond, report it.

    >>> integrity("N51H0429733232-0", shapely.box(120.1535, 30.2873, 120.1537, 30.2875))
    'exact'
    >>> integrity("N51H0429733232-0", shapely.box(120.1545, 30.2873, 120.1547, 30.2875))
    'drift'
    """
    anchored, found = key.partition("-")[0], derive_grid(footprint)
    if found == anchored:
        return "exact"
    return "near" if found in beidou.ring(anchored) else "drift"


class _Findings(NamedTuple):
    """What was decided, in the matcher's own numbers: parts are new footprints, wholes old ones."""

    assigned: dict[int, _Pair]
    splits: dict[int, list[_Pair]]
    merges: dict[int, list[_Pair]]
    doubts: dict[int, list[_Pair]]


def _settle(pairs: Sequence[_Pair]) -> _Findings:
    """Divisions and unions first, then one with one by falling overlap; the rest is doubtful."""
    splits = _divisions(pairs)
    settled = {pair.part for parts in splits.values() for pair in parts}
    merges = {
        at: [pair.turned() for pair in pieces]
        for at, pieces in _divisions(pair.turned() for pair in pairs).items()
        if at not in settled and not any(piece.part in splits for piece in pieces)
    }
    assigned = {group[0].part: group[0] for group in (*splits.values(), *merges.values())}
    used = set(splits) | {pair.whole for pieces in merges.values() for pair in pieces}
    for pair in sorted(pairs, key=_best_first):
        if pair.iou >= SAME_IOU and pair.part not in assigned and pair.part not in settled and pair.whole not in used:
            assigned[pair.part] = pair
            used.add(pair.whole)
    doubts = defaultdict(list)
    for pair in sorted(pairs, key=_best_first):
        if pair.iou >= DOUBTFUL_IOU and pair.part not in assigned and pair.part not in settled:
            doubts[pair.part].append(pair)
    return _Findings(assigned, splits, merges, dict(doubts))


def _divisions(pairs: Iterable[_Pair]) -> dict[int, list[_Pair]]:
    """Wholes that their parts, each lying inside, make up between them without covering one another; largest first."""
    best: dict[int, _Pair] = {}
    for pair in sorted(pairs, key=_best_first):
        best.setdefault(pair.part, pair)
    groups = defaultdict(list)
    for pair in best.values():
        if pair.of_part >= _PART_COVER:
            groups[pair.whole].append(pair)
    ordered = {whole: sorted(parts, key=lambda pair: (-pair.of_whole, pair.part)) for whole, parts in groups.items()}
    return {whole: parts for whole, parts in sorted(ordered.items()) if _make_up_the_whole(parts)}


def _make_up_the_whole(parts: Sequence[_Pair]) -> bool:
    least, most = _WHOLE_COVER
    return len(parts) > 1 and parts[0].of_whole <= _LARGEST_PART and least <= sum(p.of_whole for p in parts) <= most


def _best_first(pair: _Pair) -> tuple[float, int, int]:
    return -pair.iou, pair.whole, pair.part


def _report(
    found: _Findings, altered: Sequence[int], order: npt.NDArray[np.int64], keys: Sequence[str], shift: Floats
) -> Matching:
    """Say it in the caller's indices and keys."""
    index: list[int] = order.tolist()
    pairs_in_doubt = [pair for pairs in found.doubts.values() for pair in pairs]
    spoken_for = {pair.whole for pair in (*found.assigned.values(), *pairs_in_doubt)}
    spoken_for |= {pair.whole for pieces in found.merges.values() for pair in pieces}
    told = found.assigned.keys() | found.doubts.keys()
    return Matching(
        assigned=MappingProxyType(
            {index[at]: _candidate(found.assigned[at], keys) for at in sorted(found.assigned, key=index.__getitem__)}
        ),
        altered=tuple(sorted(index[at] for at in altered)),
        review=tuple(
            sorted((_doubt(index[at], pairs, keys) for at, pairs in found.doubts.items()), key=lambda d: d.index)
        ),
        splits=tuple(
            Split(keys[whole], index[parts[0].part], tuple(sorted(index[pair.part] for pair in parts[1:])))
            for whole, parts in found.splits.items()
        ),
        merges=tuple(
            Merge(index[at], keys[pieces[0].whole], tuple(sorted(keys[pair.whole] for pair in pieces[1:])))
            for at, pieces in sorted(found.merges.items(), key=lambda item: index[item[0]])
        ),
        unmatched=tuple(sorted(index[at] for at in range(len(index)) if at not in told)),
        gone=tuple(key for at, key in enumerate(keys) if at not in spoken_for),
        shift_m=(float(shift[0]), float(shift[1])),
    )


def _candidate(pair: _Pair, keys: Sequence[str]) -> Candidate:
    return Candidate(keys[pair.whole], pair.iou)


def _doubt(index: int, pairs: Sequence[_Pair], keys: Sequence[str]) -> Doubt:
    reason: Reason = "contested" if pairs[0].iou >= SAME_IOU else "weak"
    return Doubt(index, reason, tuple(_candidate(pair, keys) for pair in pairs))


def _polygons(footprints: Sequence[BaseGeometry | None]) -> Shapes:
    """Array of valid polygonal shapes; what has no area becomes ``None``."""
    shapes = np.array([*footprints, None], dtype=object)[:-1]
    broken = ~(shapely.is_valid(shapes) | shapely.is_missing(shapes))
    shapes[broken] = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
    shapes[~(shapely.area(shapes) > 0)] = None
    return shapes


def _outlines(shapes: Shapes) -> list[bytes]:
    return [outline or b"" for outline in shapely.to_wkb(shapely.normalize(shapes))]


def _in_metres(new: Shapes, old: Shapes) -> tuple[Shapes, Shapes]:
    both = np.concatenate([new, old])
    if shapely.is_missing(both).all():
        return new, old
    metres = LocalFrame.around(*both).forward(both)
    return metres[: len(new)], metres[len(new) :]


def _common_shift(new: Shapes, old: Shapes) -> Floats:
    """The way from old to new that most pairs of like area agree on, to a metre; then the median of those that do.

    In a row of equal sheds each neighbour votes for a wrong way too, but always one fewer than for the right one.
    """
    tree = STRtree(shapely.centroid(old))
    centres = shapely.centroid(new)
    here, there = tree.query(centres, predicate="dwithin", distance=_SEARCH_M)
    like = _like(new[here], old[there])
    ways = shapely.get_coordinates(centres[here[like]]) - shapely.get_coordinates(tree.geometries[there[like]])
    edges = np.arange(-_SEARCH_M - 1.5, _SEARCH_M + 2)
    votes = np.histogram2d(ways[:, 0], ways[:, 1], bins=[edges, edges])[0]
    window = np.lib.stride_tricks.sliding_window_view(votes, (3, 3)).sum(axis=(2, 3))
    middle = np.arange(-_SEARCH_M, _SEARCH_M + 1)
    nearer = np.add.outer(middle**2, middle**2) / _SEARCH_M**2 / 4  # among equals the shorter way wins
    east, north = np.unravel_index(np.argmax(window - nearer), window.shape)
    if window[east, north] < max(_LEAST_PAIRS, _LEAST_SHARE * min(len(new), len(old))):
        return np.zeros(2)
    agreeing = (np.abs(ways - (middle[east], middle[north])) <= 1.5).all(axis=1)
    median: Floats = np.median(ways[agreeing], axis=0)
    return median


def _coinciding(new: Shapes, old: Shapes) -> int:
    """Count the new shapes, CRS84, with an old one of like area within reach of a survey's shift."""
    after, before = _in_metres(new, old)
    here, there = STRtree(shapely.centroid(before)).query_nearest(shapely.centroid(after), max_distance=_REACH_M)
    return len(np.unique(here[_like(after[here], before[there])]))


def _like(one: Shapes, other: Shapes) -> npt.NDArray[np.bool_]:
    ratio = shapely.area(one) / shapely.area(other)
    alike: npt.NDArray[np.bool_] = (ratio < _LIKE_AREA) & (ratio > 1 / _LIKE_AREA)
    return alike


def _moved(shapes: Shapes, step_m: Floats) -> Shapes:
    return move_points(shapes, lambda points: points + step_m)


def _overlaps(new: Shapes, old: Shapes) -> list[_Pair]:
    part, whole = STRtree(old).query(new, predicate="intersects")
    common = shapely.area(shapely.intersection(new[part], old[whole]))
    of_part, of_whole = common / shapely.area(new[part]), common / shapely.area(old[whole])
    iou = common / (shapely.area(new[part]) + shapely.area(old[whole]) - common)
    rows = zip(*(column.tolist() for column in (part, whole, of_part, of_whole, iou)), strict=True)
    return [pair for pair in map(_Pair._make, rows) if pair.iou >= DOUBTFUL_IOU or max(pair[2:4]) >= _PART_COVER]


def _is_altered(new: BaseGeometry, old: BaseGeometry, pair: _Pair) -> bool:
    """More lies in one outline only than a survey that errs by half a metre all round would leave there."""
    common = pair.of_whole * old.area
    return bool(new.area + old.area - 2 * common > _SURVEY_NOISE_M * old.length)
