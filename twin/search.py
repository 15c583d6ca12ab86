"""What a person finds who types a name, an address, a code or a number; the same in every store."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Protocol

from gis.errors import BadInput
from twin.address import Address, normalise
from twin.feature import PLACE_LAYERS, Feature
from twin.text import phrases, tokens

Clause = Sequence[Sequence[str]]
"""Phrases that must all occur; the last token of a phrase may end in ``*``, then it is a beginning."""

_SITES = ("community", "grid", "building")
_CANDIDATES = 60  # of each group of layers; the best of them are told apart exactly
_SHORTEST_BEGINNING = 4
_CLOSE = 0.75  # of two words, as difflib measures: one letter of four or more


class Index(Protocol):
    """What a store contributes to search."""

    def matching(self, clauses: Sequence[Clause], layers: Sequence[str], limit: int) -> list[Feature]:
        """Return current features of some layers that meet any of the clauses, those with the shortest name first."""

    def named(self, beginning: str, layers: Sequence[str], limit: int) -> list[tuple[str, Feature]]:
        """Return identifiers that begin so, in order, with the current places of some layers that bear them."""


def best(index: Index, text: str, layers: Sequence[str], limit: int) -> list[Feature]:
    """Return the current features that a text means, best first.

    Exact codes and identifiers come before names, names before what only has such an address. When nothing matches,
    one wrong, missing or swapped letter is forgiven; a wrong number never is.

    Args:
        index: The store.
        text: As a person typed it.
        layers: Where to look.
        limit: The most to return.
    """
    text = text.strip()
    if not tokens(text):
        return []
    named = _named(index, text, layers, limit)
    meant, addressed = _addressed(index, _address(text), layers, limit)
    found = [place for _, place in named] + (addressed or _matching(index, [_clause(text)], layers, limit))
    if not found:
        reordered, *misspelt = _relaxed(text) or [[]]
        close = (_alike(text, _matching(index, clauses, layers, limit)) for clauses in ([reordered], misspelt))
        return next(filter(None, close), [])[:limit]
    names = {place.id: name for name, place in reversed(named)}
    unique = {(one.layer, one.id): one for one in found}.values()
    return sorted(unique, key=lambda one: (_distance(one, text, meant, names.get(one.id)), *_order(one)))[:limit]


def _clause(text: str) -> Clause:
    """Return each word as a phrase, the last one perhaps not typed to its end."""
    *whole, last = phrases(text)
    return [*whole, [*last[:-1], last[-1] + "*"]]


def _named(index: Index, text: str, layers: Sequence[str], limit: int) -> list[tuple[str, Feature]]:
    """Return the places that bear the text as an identifier, or, unless it is short, one that begins with it."""
    places = [layer for layer in layers if layer in PLACE_LAYERS]
    spellings = dict.fromkeys((text, text.upper()))
    found = [pair for spelling in spellings for pair in index.named(spelling, places, limit)]
    telling = len(text) >= _SHORTEST_BEGINNING or "-" in text
    return [(name, place) for name, place in found if telling or name in spellings]


def _addressed(
    index: Index, address: Address | None, layers: Sequence[str], limit: int
) -> tuple[Address | None, list[Feature]]:
    """Return what bears an address, and the address without the room, storey and unit that nothing bears."""
    for level in ("", "room", "storey", "unit") if address else ():
        if level and getattr(address, level) is None:
            continue
        without: dict[str, Any] = {level: None} if level else {}
        address = replace(address or Address(), **without)
        clause = _standard_clause(address)
        if clause and (found := _matching(index, [clause], layers, limit)):
            return address, found
    return None, []


def _standard_clause(address: Address) -> Clause:
    """Return the parts of an address as its standard text writes them, from the street down."""
    site = Address(street=address.street, door_plate=address.door_plate)
    parts: list[dict[str, Any]] = [
        {level: getattr(address, level)} for level in ("compound", "building", "unit", "storey", "room")
    ]
    written = [site.text(), *(Address(**part).text() for part in parts)]
    return [found for part in written if (found := tokens(part))]


def _matching(index: Index, clauses: Sequence[Clause], layers: Sequence[str], limit: int) -> list[Feature]:
    """Return candidates: buildings first; what is in them and records when buildings do not fill the answer."""
    sites = [layer for layer in layers if layer in _SITES]
    insides = [layer for layer in layers if layer in PLACE_LAYERS and layer not in _SITES]
    found: list[Feature] = []
    for group in (sites, insides, [layer for layer in layers if layer not in PLACE_LAYERS]):
        if any(clauses) and group and (group is not insides or len(found) < limit):
            found += index.matching(clauses, group, max(_CANDIDATES, limit))
    return found


def _relaxed(text: str) -> list[Clause]:
    """Return the clauses that forgive a slip: another order, a character too much or wrong, a mistyped word.

    A number stays with the character behind it, for 21幢 is not 21层.

    >>> _relaxed("烟感")
    [[['烟'], ['感']]]
    >>> _relaxed("21橦东")
    [[['21', '橦'], ['东']], [['东'], ['21']]]
    """
    parts = _parts(tokens(text))
    clauses: list[Clause] = [parts] if len(parts) > 1 else []
    for at, part in enumerate(parts):
        others = parts[:at] + parts[at + 1 :]
        if part[0].isascii() and part[0].isalpha() and len(part[0]) >= _SHORTEST_BEGINNING:
            clauses.append([*others, [part[0][: len(part[0]) // 2] + "*"]])
        elif len(part) > 1:
            clauses.append([*others, part[:1]])
        elif not part[0].isascii() and len(others) > 1:
            clauses.append(others)
    return clauses


def _parts(typed: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = []
    for token in typed:
        if parts and len(parts[-1]) == 1 and parts[-1][0].isdecimal() and not token.isascii():
            parts[-1].append(token)
        else:
            parts.append([token])
    return parts


def _alike(text: str, found: Iterable[Feature]) -> list[Feature]:
    """Return what lacks at most one of the letters or words typed, those whose name has them first."""
    typed = tokens(text)
    close = {
        (one.layer, one.id): ((_lacking(typed, one.name or one.id), *_order(one)), one)
        for one in found
        if _lacking(typed, f"{one.name or ''} {one.id} {_address_text(one)}") <= 1
    }
    return [one for _, one in sorted(close.values(), key=lambda pair: pair[0])]


def _lacking(typed: Sequence[str], text: str) -> int:
    """Return how many of the letters typed a text lacks; a whole word counts double unless it is spelt nearly so.

    >>> _lacking(["摄", "象"], "摄像机"), _lacking(["towr"], "Tower"), _lacking(["rewot"], "Tower")
    (1, 0, 2)
    """
    known = tokens(text)
    words = [token for token in known if token.isascii()]
    missing = [token for token in typed if token not in known and not get_close_matches(token, words, 1, _CLOSE)]
    return sum(2 if token.isascii() else 1 for token in missing)


def _distance(feature: Feature, text: str, address: Address | None, identifier: str | None) -> int:
    """Return how far a feature is from what a text means: 0 is the thing itself."""
    name, key = _folded(feature.name or ""), _folded(feature.id)
    wanted = {_folded(text), *([] if address is None else [_folded(address.text())])}
    if not wanted.isdisjoint((key, _folded(identifier or ""))):
        return 0
    if name in wanted or (address is not None and _is_meant(feature, address)):
        return 1
    if identifier is not None or any(key.startswith(one) or name.startswith(one) for one in wanted):
        return 2
    return 3 if any(one in name for one in wanted) else 4


def _is_meant(feature: Feature, address: Address) -> bool:
    return feature.layer == _layer_of(address) or _address_text(feature).endswith(address.text())


def _order(feature: Feature) -> tuple[Any, ...]:
    """Return where a feature stands among its equals: buildings first, short names, numbers by their value."""
    name = feature.name or feature.id
    depth = PLACE_LAYERS.index(feature.layer) if feature.layer in PLACE_LAYERS else len(PLACE_LAYERS)
    natural = re.sub("[0-9]+", lambda digits: digits[0].zfill(8), name)
    return feature.layer not in _SITES, len(name), depth, natural, feature.layer, feature.id


def _layer_of(address: Address) -> str | None:
    """Return the layer of the place that an address names; ``None`` when it names nothing in or of a building."""
    if address.room:
        return "space"
    if address.storey:
        return "storey"
    if address.unit:
        return "unit"
    return "building" if address.building or address.door_plate else None


def _address(text: str) -> Address | None:
    """Return the address that a text is; ``None`` when it names no building, or says something else too."""
    try:
        address = normalise(text)
    except BadInput:
        return None  # most texts are names
    return address if _layer_of(address) and address.is_whole else None


def _address_text(feature: Feature) -> str:
    return str(feature.attributes.get("address") or "")


def _folded(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())
