"""What a feature is found by; the same in every index."""

from twin.declaration import Catalogue
from twin.feature import Feature
from twin.text import document


class Wording:
    """Tells the words of features.

    Args:
        catalogue: Tells which layers may be searched, and what in them is nobody's secret.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._searched: dict[str, tuple[bool, bool]] = {}

    def words(self, feature: Feature) -> list[str] | None:
        """Return the tokens a feature is found by; ``None`` when it is not to be found."""
        searched, by_address = self._search_of(feature.layer)
        if not searched:
            return None
        address = feature.attributes.get("address") if by_address else None
        # A place stands in itself: its code need not be found twice.
        place = None if feature.place == feature.id else feature.place
        return document((feature.name, feature.id, place, address if isinstance(address, str) else None))

    def _search_of(self, layer: str) -> tuple[bool, bool]:
        """Tell whether the features of a layer are to be found, and whether by their address."""
        if layer not in self._searched:
            declared = self._catalogue.get(layer)
            # Beside personal fields, an address nobody declared may be somebody's home.
            personal = declared is not None and any(field.grade in ("P2", "P3") for field in declared.fields)
            by_address = declared is not None and not (personal and declared.field("address") is None)
            self._searched[layer] = declared is not None and declared.access == "open", by_address
        return self._searched[layer]
