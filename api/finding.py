"""Which place is meant: by its space code, with or without check character, or by any other name it bears."""

from api.view import View
from gis.errors import BadInput, NotFound
from twin.feature import PLACE_LAYERS, Feature
from twin.spacecode import SpaceCode


def place_key(seen: View, code: str | None) -> str | None:
    """Return the key of a place named by its space code, with or without check character, or by another name then.

    Raises:
        BadInput: ``code.…`` when it is neither.
    """
    if code is None:
        return None
    try:
        return SpaceCode.parse(code).key
    except BadInput:
        named = _bearers(seen, code)
        if len(named) != 1:
            raise
        return named[0]


def find_place(seen: View, code: str, *, ended: bool = False) -> Feature:
    """Return the place of a code or of any identifier that only one place bears; also one that ended, when asked."""
    try:
        key, fault = SpaceCode.parse(code).key, None
    except BadInput as error:
        key, fault = code, error
    found = by_key(seen, key) or _by_identifier(seen, code) or (_last(seen, key) if ended else None)
    if found is None and fault is not None:
        raise NotFound(
            "place.unknown",
            f"{code!r} is no space code ({fault.message}) and no known identifier.",
            fault.cure,
            value=code,
        ) from fault
    if found is None:
        raise NotFound("place.unknown", f"There is no place {code!r}.", "Search with /v1/search?q=.", parameter="code")
    return found


def by_key(seen: View, key: str) -> Feature | None:
    """Return the place of this key, ``None`` when there is none."""
    return next(iter(seen.find(*PLACE_LAYERS, ids=(key,))), None)


def _by_identifier(seen: View, value: str) -> Feature | None:
    keys = _bearers(seen, value)
    return by_key(seen, keys[0]) if len(keys) == 1 else None


def _bearers(seen: View, name: str) -> list[str]:
    return seen.here.store.lookup(name, at=seen.at, known_at=seen.known_at)


def _last(seen: View, key: str) -> Feature | None:
    versions = (version for layer in PLACE_LAYERS for version in seen.here.store.history(layer, key))
    return max(versions, key=lambda version: version.recorded_at, default=None)  # type: ignore[arg-type, return-value]
