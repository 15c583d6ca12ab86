"""Query parameters that a call does not know are refused, for all of ``/v1`` in one place.

Passed over, a mistyped condition would be answered with everything there is.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from gis.errors import BadInput

PREFIX = "/v1/"
"""The faces of other standards beside it say themselves what they do with what they do not know."""
_SHOWN = 60


class OnlyKnown:
    """A dependency of every route; a request without query costs it one look."""

    def __init__(self) -> None:
        self._names: dict[str, Sequence[str]] = {}

    async def __call__(self, asked: HTTPConnection) -> None:
        """Refuse what the route does not know; a WebSocket, whose questions are messages, is let in.

        Raises:
            BadInput: ``request.unknown_parameter``.
        """
        if asked.scope["query_string"]:
            route = asked.scope.get("route")
            if isinstance(route, APIRoute) and route.path.startswith(PREFIX):
                check(asked.query_params, self._known(route))

    def _known(self, route: APIRoute) -> Sequence[str]:
        known = self._names.get(route.unique_id)
        if known is None:
            known = self._names[route.unique_id] = parameters_of(route)
        return known


def parameters_of(route: APIRoute) -> tuple[str, ...]:
    """Return the query parameters that a route and its dependencies declare, as they are written in an address.

    >>> parameters_of(APIRoute("/v1/nothing", lambda: None))
    ()
    """
    told = get_flat_params(route.dependant)
    return tuple(dict.fromkeys(one.alias for one in told if isinstance(one.field_info, Query)))


def check(given: Iterable[str], known: Sequence[str]) -> None:
    """Refuse the first name that is not known.

    Raises:
        BadInput: ``request.unknown_parameter``, with ``known`` and, when one is near, ``nearest``.

    >>> check(["storeys"], ["limit", "storeys"])
    >>> check(["storeies"], ["limit", "storeys"])
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.unknown_parameter: There is no parameter 'storeies' here. Write storeys; known ...
    >>> check([""], [])
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: request.unknown_parameter: There is no parameter '' here. Leave it out; none is known.
    """
    for name in given:
        if name not in known:
            raise _unknown(name[:_SHOWN], known)


def _unknown(name: str, known: Sequence[str]) -> BadInput:
    near = get_close_matches(name, known, 1)
    way = f"Write {near[0]}" if near else "Leave it out"
    names = f"known are {', '.join(known)}" if known else "none is known"
    return BadInput(
        "request.unknown_parameter",
        f"There is no parameter {name!r} here.",
        f"{way}; {names}.",
        parameter=name,
        known=list(known),
        **({"nearest": near[0]} if near else {}),
    )
