"""How many people: counted the way the population layer declares."""

from api.view import View
from twin.suppression import Group

LAYER = "population"


def people_in(seen: View, place: str | None) -> Group | None:
    """Return households (count) and persons (value) of a place, or of everything; ``None``: not declared."""
    declared = seen.here.catalogue.get(LAYER)
    if declared is None or declared.derived_from is None or declared.style.weight is None:
        return None
    return seen.here.access.total(seen.query(declared.derived_from, within=place), declared.style.weight)
