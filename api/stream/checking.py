"""What a subscriber asks for is looked at before anything is promised."""

from api.finding import place_key
from api.state import Services
from api.stream.asked import StreamFilter, area_of, filter_from
from api.stream.filter import Filter
from api.view import present


def checked(here: Services, asked: StreamFilter) -> StreamFilter:
    """Return the same with the key of the place; looks into the store for places named otherwise than by their code.

    Raises:
        NotFound: ``layer.unknown``.
        Forbidden: ``layer.aggregate_only`` for layers about persons.
        BadInput: ``request.parameter``, ``query.bbox``, ``code.…``.
    """
    for name in asked.layers:
        here.access.check_open(here.catalogue[name])
    area_of(asked)
    return asked.model_copy(update={"place": place_key(present(here), asked.place)})


def filter_of(here: Services, asked: StreamFilter) -> Filter:
    """Return the filter; raises what :func:`checked` raises."""
    return filter_from(checked(here, asked))
