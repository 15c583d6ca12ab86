"""The twin as one request sees it: as it was at a moment, as it was known at a moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from fastapi import Query as Parameter

from api.answers.common import DateTime
from api.parameters import moment
from api.state import Here, Services
from twin.feature import Feature
from twin.query import Query, Row


@dataclass(frozen=True, slots=True)
class View:
    """Reads through :class:`~twin.access.Access`, always with both clocks of the request.

    Attributes:
        at: The moment asked about; ``None`` is now.
        known_at: What the twin believed then; ``None`` is what it believes now.
    """

    here: Services
    at: datetime | None
    known_at: datetime | None

    @property
    def is_now(self) -> bool:
        """Tell whether the request asks about the present."""
        return self.at is None and self.known_at is None

    def query(self, *layers: str, **conditions: Any) -> Query:
        """Return a query with the clocks of this request."""
        return Query(layers=layers, at=self.at, known_at=self.known_at, **conditions)

    def rows(self, *layers: str, **conditions: Any) -> Sequence[Row]:
        """Return the same as :meth:`find`, undecoded."""
        return self.here.access.rows(self.query(*layers, **conditions)).rows

    def find(self, *layers: str, **conditions: Any) -> tuple[Feature, ...]:
        """Return the features that meet all conditions, masked."""
        return self.here.access.find(self.query(*layers, **conditions)).features


def view(
    here: Here,
    at: Annotated[DateTime | None, Parameter(description="As it was at this moment (RFC 3339).")] = None,
    known_at: Annotated[
        DateTime | None, Parameter(description="As the twin knew it at this moment (RFC 3339).")
    ] = None,
) -> View:
    """Return the view that the parameters ``at`` and ``known_at`` ask for."""
    return View(here, moment(at, "at"), moment(known_at, "known_at"))


Seen = Annotated[View, Depends(view)]


def present(here: Here) -> View:
    """Return the view of the present, for what can only be asked about now."""
    return View(here, None, None)


Present = Annotated[View, Depends(present)]
