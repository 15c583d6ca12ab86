"""A synthetic community, generated deterministically, and the devices that make it live."""
