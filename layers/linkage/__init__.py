"""Linkage: what happens by itself when something has happened (clause list LR01 to LR37)."""
