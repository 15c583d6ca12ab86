"""IFC in, places out: read, georeference, shape, map, report. Knows nothing of HTTP or Panel."""

from bim_import.model import Georeference, ImportedModel, Notice, Placement, Receipt
from bim_import.reader import read_ifc

__all__ = ["Georeference", "ImportedModel", "Notice", "Placement", "Receipt", "read_ifc"]
