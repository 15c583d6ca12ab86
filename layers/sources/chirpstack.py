"""LoRaWAN uplinks as ChirpStack v4 sends them (JSON encoding of ``integration.UplinkEvent``), over HTTP and MQTT."""

from typing import Any

from gis.errors import BadInput, Forbidden
from layers.sources.payload import Decoded, Item, Said, parse


def decode_uplink(payload: bytes, said: Said) -> Decoded:
    """Return one observation for each member of the decoded ``object``.

    The device is the one that the device's tag ``device`` names, else the one numbered as the DevEUI. The time is that
    of the network server (``time``), the number that of the uplink (``fCnt``, ``deduplicationId``), so that an uplink
    delivered twice is one.

    Args:
        payload: The event.
        said: ``dev_eui`` of the topic, which must be that of the event.

    Raises:
        BadInput: ``chirpstack.malformed``, and what :func:`layers.sources.payload.parse` raises.
        Forbidden: ``chirpstack.foreign_device``.

    >>> uplink = b'''{"deduplicationId": "3ac7", "time": "2026-11-21T08:00:00.775023242+00:00", "fCnt": 10,
    ...   "deviceInfo": {"devEui": "0101010101010101"}, "object": {"level": 1.5, "battery": null}}'''
    >>> found = decode_uplink(uplink, {})
    >>> found[0]["device"], found[0]["property"], found[0]["result"], found[0]["source_seq"], len(found)
    ('0101010101010101', 'level', 1.5, '10:3ac7:level', 1)
    >>> decode_uplink(b'{"deviceInfo": {"devEui": "01"}, "data": "AQ=="}', {})
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: chirpstack.malformed: object is missing. Give the device profile a codec ...
    """
    event = parse(payload)
    if not isinstance(event, dict):
        raise _malformed("the event", "is no JSON object", "Send an uplink event.")
    info = event.get("deviceInfo")
    eui = info.get("devEui") if isinstance(info, dict) else None
    if not isinstance(info, dict) or not isinstance(eui, str) or not eui:
        raise _malformed("deviceInfo.devEui", "is missing", "Send ChirpStack v4 events in JSON.")
    _check_own(eui, said)
    decoded = event.get("object")
    if not isinstance(decoded, dict):
        raise _malformed("object", "is missing", "Give the device profile a codec that decodes the payload.")
    return [_item(event, info, name, value) for name, value in decoded.items() if value is not None]


def _check_own(eui: str, said: Said) -> None:
    own = said.get("dev_eui", eui)
    if own.casefold() != eui.casefold():
        raise Forbidden(
            "chirpstack.foreign_device",
            f"The topic of {own} carries an uplink of {eui!r:.60}.",
            "See to the broker's access list.",
        )


def _item(event: dict[str, Any], info: dict[str, Any], name: str, value: Any) -> Item:
    tags = info.get("tags")
    tag = tags.get("device") if isinstance(tags, dict) else None
    # The counter begins again when a device joins anew; the deduplication id never does.
    number = f"{event.get('fCnt')}:{event.get('deduplicationId') or event.get('time')}"
    return {
        "device": tag or info["devEui"],
        "property": name,
        "result": value,
        "phenomenonTime": event.get("time"),
        "source": f"chirpstack:{info['devEui']}",
        "source_seq": f"{number}:{name}",
    }


def _malformed(field: str, fault: str, cure: str) -> BadInput:
    return BadInput("chirpstack.malformed", f"{field} {fault}.", cure, field=field)
