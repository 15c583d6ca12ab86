"""Reading what planners and field crews send, whatever its encoding and frame, into rows in CRS84."""

from gis.read.near import check_near
from gis.read.reader import read_features
from gis.read.remote import Remote, Source, source_of
from gis.read.row import OnWarning, Row

__all__ = ["OnWarning", "Remote", "Row", "Source", "check_near", "read_features", "source_of"]
