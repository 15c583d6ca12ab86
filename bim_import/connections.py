"""What connects the rooms of a model."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from bim_import.climbs import Climbs
from bim_import.draughtsman import Draughtsman
from bim_import.passages import Passages
from bim_import.rooms import buildings_of
from twin.connection import ConnectionDraft
from twin.feature import PlaceDraft


def connections_of(desk: Draughtsman, drafts: Iterable[PlaceDraft]) -> list[ConnectionDraft]:
    """Return doors, openings, stairs, ramps and lifts between the rooms that were drawn.

    Which rooms a door connects is what the space boundaries state; where they do not, it is the rooms on either side
    of the hole in the wall. A GlobalId that several bear identifies none of them.
    """
    passages, climbs = Passages(desk), Climbs(desk)
    found = [
        draft for building in buildings_of(desk, drafts) for part in (passages, climbs) for draft in part.of(building)
    ]
    used = Counter(draft.key for draft in found)
    return [replace(draft, key=None) if used[draft.key] > 1 else draft for draft in found]
