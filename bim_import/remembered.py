"""A placement once given by the planner serves the next version of the same model, when that is in no doubt."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bim_import.model import Notice, Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A placement and the model it was given for.

    Attributes:
        stem: Name of the file without its suffix.
        global_ids: GlobalIds of the buildings, the sites and the project.
        placed_at: When, ISO 8601.
    """

    placement: Placement
    stem: str
    global_ids: Sequence[str]
    placed_at: str

    def is_of(self, stem: str, global_ids: Iterable[str]) -> bool:
        """Tell whether both name and a GlobalId are those of a model."""
        return self.stem == stem and not set(global_ids).isdisjoint(self.global_ids)

    def recalled(self) -> Placement:
        """Return the placement as one that is used again; the receipt tells how and when it was made."""
        then = {"placed_with": self.placement.method, "placed_at": self.placed_at, "placed_for": self.stem}
        return replace(self.placement, method="remembered", evidence={**self.placement.evidence, **then})

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Remembered":
        """Return what :meth:`as_json` wrote."""
        return cls(**{**values, "placement": Placement(**values["placement"])})


def recall(
    known: Sequence[Remembered], stem: str, global_ids: Iterable[str]
) -> tuple[Placement | None, tuple[Notice, ...]]:
    """Return the placement of the model that this one is a version of, and what is to be said about the choice.

    Name and GlobalId together are sure. One of them alone will do when it points at one model only, and is said;
    a name or a GlobalId that several models bear decides nothing.

    >>> house = Remembered(placement=Placement(120.1, 30.2), stem="3", global_ids=["a"], placed_at="2026-11-21T08:00")
    >>> recall([house], "3", ["a"])[0].statement
    'as placed by the planner on 2026-11-21'
    >>> recall([house], "3-v2", ["a"])[1][0].code
    'ifc.remembered_by_id'
    >>> recall([house], "4", ["b"]), recall([], "", [])
    ((None, ()), (None, ()))
    """
    names = set(global_ids)
    sure = [one for one in known if one.is_of(stem, names)]
    if sure:
        return max(sure, key=lambda one: one.placed_at).recalled(), ()
    by_id = [one for one in known if not names.isdisjoint(one.global_ids)]
    likely = by_id or [one for one in known if one.stem == stem]
    if not likely:
        return None, ()
    if len(likely) > 1:
        placed = ", ".join(sorted({one.stem for one in likely}))
        return None, (Notice(code="ifc.remembered_several", message=f"It may be a version of any of: {placed}."),)
    return likely[0].recalled(), (_said(likely[0], bool(by_id)),)


def _said(used: Remembered, by_id: bool) -> Notice:  # noqa: FBT001
    if by_id:
        return Notice(
            code="ifc.remembered_by_id",
            message=f"It bears GlobalIds of {used.stem} and was put where that was put on {used.placed_at[:10]}.",
            cure="Check the position on the map; a copy for another building needs a position of its own.",
        )
    return Notice(
        code="ifc.remembered_by_name",
        message=f"It bears the name of a model placed on {used.placed_at[:10]}, but none of its GlobalIds.",
        cure="Check the position on the map.",
    )
