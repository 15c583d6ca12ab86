"""OGC SensorThings 1.1 over HTTP."""
