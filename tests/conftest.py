"""What every test run shares: versions in the header, and no clock in property tests."""

import os
import sqlite3
from importlib.metadata import version

from hypothesis import HealthCheck, settings

NOTED = ("shapely", "pyproj", "h3", "rasterio", "ifcopenshell", "pydantic", "fastapi", "panel", "bokeh")

# Property tests judge behaviour, never speed; on the build server the same commit draws the same examples.
settings.register_profile(
    "lifang",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("lifang")


def pytest_report_header() -> str:
    versions = [f"sqlite {sqlite3.sqlite_version}", *(f"{name} {version(name)}" for name in NOTED)]
    return "versions: " + ", ".join(versions)
