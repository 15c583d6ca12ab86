"""How many people: counted the way the population layer declares."""

from api.state import Services
from twin.access import Group
from twin.query import Query

LAYER = "population"


def people_in(here: Services, place: str | None) -> Group | None:
    """Return households (count) and persons (value) of a place, or of everything; ``None``: not declared."""
    declared = here.catalogue.get(LAYER)
    if declared is None or declared.derived_from is None or declared.style.weight is None:
        return None
    return here.access.total(Query(layers=(declared.derived_from,), within=place), declared.style.weight)
