"""The light envelope of each storey is kept beside the places, in a private layer: versioned and undone like them."""

import base64
import gzip
from collections.abc import Iterator, Mapping

from twin.batch import Batch
from twin.feature import Feature
from twin.query import Query
from twin.store import Store, Transaction

LAYER = "envelope"


def keep(transaction: Transaction, scenes: Mapping[str, bytes], buildings: set[str], batch: Batch) -> None:
    """Store the scenes, by the code of their storey or building; end those that these buildings have no more."""
    features = [
        Feature(
            layer=LAYER,
            id=code,
            community=batch.community,
            place=code,
            attributes={"glb": base64.b64encode(gzip.compress(glb, mtime=0)).decode()},
            source=batch.source,
            batch=batch.id,
        )
        for code, glb in sorted(scenes.items())
    ]
    transaction.put_all(features)
    for building in sorted(buildings):
        for old in transaction.find(Query(layers=(LAYER,), within=building)).features:
            if old.id not in scenes:
                transaction.end(LAYER, old.id, batch.at)


def scenes_of(store: Store, place: str) -> Iterator[bytes]:
    """Yield the scenes of a place and of what is in it; those of one building share an origin."""
    for found in store.find(Query(layers=(LAYER,), within=place)).features:
        yield gzip.decompress(base64.b64decode(found.attributes["glb"]))
