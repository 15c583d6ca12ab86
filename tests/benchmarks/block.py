"""A large model made of real ones, side by side; ``bench_ifc.py block`` imports it."""

import hashlib
import re
from itertools import cycle, takewhile
from pathlib import Path
from uuid import UUID

import ifcopenshell.guid

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "ifc" / "core"
MODELS = (
    "duplex_A_20110907_revit2011.ifc", "fzk_haus_ac20_ifc2x3.ifc", "institute_var2_ac11.ifc", "niedriha_ac9.ifc",
    "jasmin_sun_ac9.ifc", "kit_edc_spaceboundaries.ifc", "fzk_haus_ac11_ifc2x3.ifc",
)  # fmt: skip
"""Houses and offices of IFC2X3, drawn in metres: one file has one schema and one unit."""

BYTES = 95_000_000
APART_M, PER_ROW = 80, 6
LARGEST_ID = 2**31

_ROOTED = re.compile(rb"(=\s*IFC\w+\s*\(\s*')([0-9A-Za-z_$]{22})(')")
_ID = re.compile(rb"#(\d+)")
_ROOT_PLACEMENT = re.compile(rb"(IFCLOCALPLACEMENT\s*\(\s*)\$", re.IGNORECASE)


def write_block(path: Path, size: int = BYTES) -> int:
    """Write models until the file has this size; return how many.

    Every copy has instance numbers and GlobalIds of its own, and stands on a plot of its own.
    """
    texts = {name: (FOLDER / name).read_bytes() for name in MODELS}
    head = texts[MODELS[0]].partition(b"DATA;")[0]
    count, first = 0, 1
    with path.open("wb") as block:
        block.write(head + b"DATA;\n")
        for name in takewhile(lambda _: block.tell() < size, cycle(MODELS)):
            data = texts[name].partition(b"DATA;")[2].rpartition(b"ENDSEC;")[0]
            copied, first = _copy(data, count, first)
            block.write(copied)
            count += 1
        block.write(b"ENDSEC;\nEND-ISO-10303-21;\n")
    return count


def _copy(data: bytes, number: int, first: int) -> tuple[bytes, int]:
    """Return the instances of one more copy, and the first number that is free after it."""
    numbers = {int(found) for found in _ID.findall(data)}
    dense = {b"%d" % old: b"#%d" % new for new, old in enumerate(sorted(numbers), start=first + 3)}
    last = first + 3 + len(dense)
    if last >= LARGEST_ID:
        raise ValueError(f"{last} is no instance number")
    x_m, y_m = number % PER_ROW * APART_M, number // PER_ROW * APART_M
    plot = (
        f"#{first}=IFCCARTESIANPOINT(({x_m}.,{y_m}.,0.));\n#{first + 1}=IFCAXIS2PLACEMENT3D(#{first},$,$);\n"
        f"#{first + 2}=IFCLOCALPLACEMENT($,#{first + 1});\n"
    )
    data = _ID.sub(lambda found: dense[found[1]], data)
    data = _ROOT_PLACEMENT.sub(rb"\g<1>#%d" % (first + 2), data)
    data = _ROOTED.sub(lambda found: found[1] + _renamed(found[2], number) + found[3], data)
    return plot.encode() + data, last


def _renamed(name: bytes, number: int) -> bytes:
    digest = hashlib.sha256(b"%d %s" % (number, name)).hexdigest()[:32]
    return ifcopenshell.guid.compress(UUID(digest).hex).encode()
