"""Live and business layers: their declarations (data files), pure rules, and the ingest loop."""
