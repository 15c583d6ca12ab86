"""What the usual sources say, as items for :meth:`layers.ingest.Ingest.observe`: decoding only, one module a source."""
