"""Devices: the types a community has, what each measures and which alarms it raises."""
