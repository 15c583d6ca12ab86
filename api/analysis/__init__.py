"""Questions that need more than one look at the twin: ways, densities, counts and comparisons."""
