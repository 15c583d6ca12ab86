"""Encoders: features in plain sequences in, a file's bytes out; one module a format, nothing is left on the disk.

Flat formats are written from :class:`gis.write.table.Table`, solid ones from :class:`gis.write.solid.Volume`. Each
encoder yields the file in pieces; the same input gives the same bytes.
"""
