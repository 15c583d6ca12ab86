"""A reader of Mapbox Vector Tiles, written from the specification's side, to try the writer with."""

import struct
from itertools import pairwise

import shapely


def fields(message):
    """Yield number and value of each field of a Protocol Buffers message."""
    at = 0
    while at < len(message):
        key, at = number(message, at)
        match key & 7:
            case 0:
                value, at = number(message, at)
            case 1:
                value, at = message[at : at + 8], at + 8
            case 2:
                size, at = number(message, at)
                value, at = message[at : at + size], at + size
                assert len(value) == size
        yield key >> 3, value


def number(message, at):
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def numbers(packed):
    at, found = 0, []
    while at < len(packed):
        one, at = number(packed, at)
        found.append(one)
    return found


def signed(value):
    return (value >> 1) ^ -(value & 1)


def scalar(message):
    ((kind, value),) = fields(message)
    match kind:
        case 1:
            return value.decode()
        case 3:
            return struct.unpack("<d", value)[0]
        case 4:
            return value - 2**64 if value >= 2**63 else value
        case 5:
            return value
        case 6:
            return signed(value)
        case 7:
            return bool(value)


def layers(tile):
    """Return name → list of (id, properties, kind, list of parts as signed points)."""
    found = {}
    for kind, content in fields(tile):
        assert kind == 3
        parts = list(fields(content))
        (name,) = [value.decode() for which, value in parts if which == 1]
        keys = [value.decode() for which, value in parts if which == 3]
        values = [scalar(value) for which, value in parts if which == 4]
        assert [value for which, value in parts if which == 15] == [2]
        assert [value for which, value in parts if which == 5] == [4096]
        found[name] = [feature(dict(fields(value)), keys, values) for which, value in parts if which == 2]
    return found


def feature(message, keys, values):
    tags = numbers(message[2])
    assert len(tags) % 2 == 0
    properties = {keys[key]: values[value] for key, value in zip(tags[::2], tags[1::2], strict=True)}
    return message[1], properties, message[3], commands(numbers(message[4]))


def commands(stream):
    """Return the parts of a geometry: lists of points; a closed ring ends as it began."""
    at, x, y, parts = 0, 0, 0, []
    while at < len(stream):
        command, count = stream[at] & 7, stream[at] >> 3
        at += 1
        assert count
        if command == 7:
            assert count == 1
            parts[-1].append(parts[-1][0])
            continue
        for _ in range(count):
            x, y = x + signed(stream[at]), y + signed(stream[at + 1])
            at += 2
            if command == 1:
                parts.append([])
            parts[-1].append((x, y))
    return parts


def area(ring):
    """The surveyor's formula: positive for an outer ring, y down."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) / 2


def shape(kind, parts):
    """Return the shapely geometry; a ring of positive area begins a new polygon."""
    if kind == 1:
        return shapely.MultiPoint([point for part in parts for point in part])
    if kind == 2:
        return shapely.MultiLineString(parts)
    polygons = []
    for ring in parts:
        assert len(ring) >= 4
        assert area(ring) != 0
        if area(ring) > 0:
            polygons.append((ring, []))
        else:
            polygons[-1][1].append(ring)
    return shapely.MultiPolygon(polygons)
