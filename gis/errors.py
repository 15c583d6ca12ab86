"""The one error tree of the house. It lives in the lowest room so that every room can raise it.

    LifangError            what went wrong, where, and the cure
    ├── BadInput           what was handed in cannot be used          422, exit 2
    ├── NotFound           nothing of that name at that time          404, exit 3
    ├── Forbidden          the asker may not see or do this           403, exit 4
    ├── Conflict           it contradicts what is already there       409, exit 5
    ├── Outdated           it has changed since it was last seen      412, exit 5
    ├── Unavailable        the store, a port or a disk said no        503, exit 6
    ├── Unauthenticated    nobody proved who asks                     401, exit 7
    └── TooMany            more was asked than is granted             429, exit 8

Each error carries a stable ``code`` (``room.fault``), one sentence of ``message``, the ``cure`` in the
imperative, and the facts of the place where it happened (file, line, global_id, row, field, parameter).
"""

from typing import Any, ClassVar


class LifangError(Exception):
    """An expected fault that a person can mend.

    Args:
        code: Stable identifier, ``room.fault``; programs may compare it.
        message: One sentence: what is wrong.
        cure: One sentence in the imperative: what to do about it.
        facts: Where it happened: ``file=``, ``line=``, ``global_id=``, ``row=``, ``field=``, ``parameter=`` …

    >>> error = BadInput("gis.no_crs", "roads.shp has no CRS.", "Name it with --crs EPSG:4549.", file="roads.shp")
    >>> str(error)
    'gis.no_crs: roads.shp has no CRS. Name it with --crs EPSG:4549.'
    >>> BadInput("gis.empty", "The file is empty.").cure   # no cure is known
    ''
    """

    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, code: str, message: str, cure: str = "", **facts: object) -> None:
        super().__init__(f"{code}: {message} {cure}".rstrip())
        self.code = code
        self.message = message
        self.cure = cure
        self.facts = {name: value for name, value in facts.items() if value is not None}

    def __reduce__(self) -> tuple[Any, ...]:
        """Let another process raise the same.

        >>> import pickle
        >>> same = pickle.loads(pickle.dumps(BadInput("gis.empty", "The file is empty.", file="a.shp")))
        >>> same, same.facts
        (BadInput('gis.empty: The file is empty.'), {'file': 'a.shp'})
        """
        return _raised_there, (type(self), self.code, self.message, self.cure, self.facts)


class BadInput(LifangError):
    """What was handed in cannot be used."""

    exit_status = 2
    http_status = 422


class NotFound(LifangError):
    """Nothing of that name, at that time."""

    exit_status = 3
    http_status = 404


class Forbidden(LifangError):
    """The asker may not see or do this."""

    exit_status = 4
    http_status = 403


class Conflict(LifangError):
    """It contradicts what is already there."""

    exit_status = 5
    http_status = 409


class Unavailable(LifangError):
    """The store, a port or a disk said no."""

    exit_status = 6
    http_status = 503


class Unauthenticated(LifangError):
    """Nobody proved who asks."""

    exit_status = 7
    http_status = 401


class TooMany(LifangError):
    """More was asked than is granted; ``retry_after_s`` among the facts says when to come back."""

    exit_status = 8
    http_status = 429


class Outdated(LifangError):
    """It has changed since the asker last saw it."""

    exit_status = 5
    http_status = 412


def _raised_there(kind: type[LifangError], code: str, message: str, cure: str, facts: dict[str, Any]) -> LifangError:
    return kind(code, message, cure, **facts)
