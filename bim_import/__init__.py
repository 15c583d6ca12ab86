"""IFC in, places out: read, georeference, shape, map, report. Knows nothing of HTTP or Panel."""
