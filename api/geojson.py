"""Features as GeoJSON (RFC 7946), CRS84."""

import json
from collections.abc import Iterable
from typing import Any

from gis.write.geojson import feature_text
from twin.feature import Feature
from twin.query import Page

MEDIA_TYPE = "application/geo+json"


def feature_json(feature: Feature) -> str:
    """Return one GeoJSON feature; a declared attribute never hides a fixed member of the same name."""
    return feature_text(feature.id, feature.geometry, properties_of(feature))


def properties_of(feature: Feature) -> dict[str, Any]:
    """Return the properties members of a feature."""
    fixed = {
        "layer": feature.layer,
        "name": feature.name,
        "place": feature.place,
        "parent": feature.parent,
        "storey": feature.storey,
        "z_min_m": feature.z_min_m,
        "z_max_m": feature.z_max_m,
        "stage": feature.stage,
        "source": feature.source,
        "valid_from": None if feature.valid_from is None else feature.valid_from.isoformat(),
        "valid_to": None if feature.valid_to is None else feature.valid_to.isoformat(),
    }
    return {**feature.attributes, **fixed}


def collection_json(page: Page) -> str:
    """Return a page as a FeatureCollection with ``matched``, ``returned`` and ``next``."""
    features = ",".join(_members(page.features))
    tail = json.dumps({"matched": page.matched, "returned": len(page.features), "next": page.next})
    return f'{{"type":"FeatureCollection","features":[{features}],{tail[1:]}'


def _members(features: Iterable[Feature]) -> Iterable[str]:
    return (feature_json(feature) for feature in features)
