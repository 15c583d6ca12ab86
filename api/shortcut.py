"""What is asked most often, answered before those parts of the framework that do nothing for it."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem
from gis.errors import LifangError


class Shortcut:
    """Stands before an application and answers some of its routes, unless the answer is to be compressed.

    Args:
        app: What answers everything else, and the same in the same way when it is to be compressed.
        routes: Tried in turn; each takes a request and returns a response.
        zipping: Routes that compress their answers themselves, tried after those.
        worth_zipping: From so many bytes on, an answer to somebody else would be compressed.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Route], zipping: Sequence[Route], worth_zipping: int) -> None:
        self.app = app
        self.routes = (*routes, *zipping)
        self.zipping = zipping
        self.worth_zipping = worth_zipping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        route = self._route(scope) if scope["type"] == "http" else None
        if route is None or (_is_compressed(scope) and route not in self.zipping):
            await self.app(scope, receive, send)
        else:
            await self._answer(route, Request(scope, receive, send), send)

    def _route(self, scope: Scope) -> Route | None:
        """Return the route that answers, and note it: calls are counted by it."""
        for route in self.routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found, route=route)
                return route
        return None

    async def _answer(self, route: Route, request: Request, send: Send) -> None:
        try:
            response = await route.endpoint(request)
        except LifangError as error:
            response = problem(request, error)
        if len(response.body) >= self.worth_zipping:
            response.headers["Vary"] = "Accept-Encoding"
        await response(request.scope, request.receive, send)


def _is_compressed(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])
