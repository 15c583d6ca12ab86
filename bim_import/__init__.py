"""IFC in, places out: read, georeference, shape, map, report. Knows nothing of HTTP or Panel."""

from bim_import.fitting import Fit
from bim_import.model import Georeference, ImportedModel, ModelReceipt, Notice, Placement
from bim_import.pairs import placement_from_pairs, read_pair
from bim_import.reader import read_ifc
from bim_import.remembered import Remembered
from bim_import.replacing import fitted, stand_in

__all__ = [
    "Fit",
    "Georeference",
    "ImportedModel",
    "ModelReceipt",
    "Notice",
    "Placement",
    "Remembered",
    "fitted",
    "placement_from_pairs",
    "read_ifc",
    "read_pair",
    "stand_in",
]
