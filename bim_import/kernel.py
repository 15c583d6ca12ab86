"""Meshes from the geometry kernel: the fast kernel first, the thorough one for what it left out.

Measured on 22 real models: the hybrid kernel gives the boxes of Open CASCADE in a fraction of its time, and now and
then an empty mesh. Never used, because they crash on real files: kernel ``manifold``, setting ``cache-shapes``.
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import ifcopenshell.geom
import numpy as np
import numpy.typing as npt

from bim_import.footprint import Floats

_KERNELS = ("hybrid-cgal-simple-opencascade", "opencascade")

_BATCH = 500
"""Products meshed at once: enough for the kernel to use shapes again, few enough to look for a bad one among them."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles of one product: (p, 3) points in local metres, (f, 3) indices of points."""

    product: int
    points: Floats
    faces: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Caution:
    """What earlier readings of the same file taught; products by instance number.

    Attributes:
        skipped: Ended a reading, each on its own; left out.
        suspects: One of them ended a reading; meshed one by one.
        trying: Told the products that are in hand before the kernel gets them, and none after it.
    """

    skipped: AbstractSet[int] = frozenset()
    suspects: AbstractSet[int] = frozenset()
    trying: Callable[[Sequence[int]], None] = field(default=lambda _: None)

    def batches(self, products: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield the products in lots, and tell which is in hand."""
        meshable = [product for product in products if product.id() not in self.skipped]
        sound = [product for product in meshable if product.id() not in self.suspects]
        alone = [[product] for product in meshable if product.id() in self.suspects]
        for batch in [*(sound[first : first + _BATCH] for first in range(0, len(sound), _BATCH)), *alone]:
            self.trying([product.id() for product in batch])
            yield batch
        self.trying(())


def meshes(model: Any, products: Sequence[Any], done: Callable[[float], None], caution: Caution) -> Iterator[Mesh]:
    """Yield the mesh of every product that has one; openings are left filled, they do not change a plan."""
    wanted = {product.id(): product for product in products if product.Representation is not None}
    total = max(len(wanted), 1)
    for kernel in _KERNELS:
        for batch in caution.batches(list(wanted.values())):
            for mesh in _pass(model, batch, kernel):
                if wanted.pop(mesh.product, None) is not None:
                    done(1 - len(wanted) / total)
                    yield mesh


def _pass(model: Any, products: list[Any], kernel: str) -> Iterator[Mesh]:
    geom: Any = ifcopenshell.geom  # its annotations name outputs other settings would give
    settings = geom.settings()
    settings.set("disable-opening-subtractions", True)
    settings.set("no-normals", True)
    for shape in geom.iterator(settings, model, 1, include=products, geometry_library=kernel):
        faces = np.frombuffer(shape.geometry.faces_buffer, dtype=np.int32).reshape(-1, 3).copy()
        local = np.frombuffer(shape.geometry.verts_buffer, dtype=np.float64).reshape(-1, 3)
        columns = np.array(shape.transformation.matrix).reshape(4, 4)
        points = local @ columns[:3, :3] + columns[3, :3]
        if len(faces) and np.isfinite(points).all():
            yield Mesh(shape.id, points, faces)
