"""Topics of a broker: which message is whose, and what decodes it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gis.errors import BadInput
from layers.sources.chirpstack import decode_uplink
from layers.sources.observations import decode_observations
from layers.sources.payload import Decoded, Said

DECODERS: Mapping[str, Callable[[bytes, Said], Decoded]] = {
    "observations": decode_observations,
    "chirpstack": decode_uplink,
}
STATUS = "status"
"""Of a topic that says ``online`` or ``offline``: a retained birth message, and a last will."""
ANSWERS = "answers"
"""Of a topic on which a device says how a command went."""

TOPICS: Mapping[str, str] = {
    "lifang/{community}/{device}/observations": "observations",
    "lifang/{community}/{device}/observations/{property}": "observations",
    "lifang/{community}/{device}/status": STATUS,
    "lifang/{community}/{device}/commands/ack": ANSWERS,
    "application/{application}/device/{dev_eui}/event/up": "chirpstack",
}
"""The topics a service listens to unless told otherwise."""

_LEVEL = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A topic with names in braces for the levels that differ.

    Attributes:
        source: A key of :data:`DECODERS`, :data:`STATUS` or :data:`ANSWERS`.
    """

    text: str
    source: str

    def __post_init__(self) -> None:
        """Refuse a template that no broker could be asked for.

        Raises:
            BadInput: ``mqtt.template``, ``mqtt.source``.
        """
        levels = self.text.split("/")
        names = [found[1] for level in levels if (found := _LEVEL.fullmatch(level))]
        plain = [level for level in levels if not _LEVEL.fullmatch(level)]
        if len(names) != len(set(names)) or any(re.search(r"[{}+#\0]", level) for level in plain) or not self.text:
            raise BadInput(
                "mqtt.template", f"{self.text!r} is no topic with {{names}} for whole levels.", "See docs/sources.md."
            )
        sources = (*DECODERS, STATUS, ANSWERS)
        if self.source not in sources:
            raise BadInput("mqtt.source", f"There is no source {self.source!r}.", f"Use {', '.join(sources)}.")

    @property
    def filter(self) -> str:
        """Return the topic filter to subscribe to.

        >>> Template("lifang/{community}/{device}/status", "status").filter
        'lifang/+/+/status'
        """
        return _LEVEL.sub("+", self.text)

    def match(self, topic: str) -> dict[str, str] | None:
        """Return what a topic says, ``None`` when it is another's.

        >>> Template("lifang/{community}/{device}/status", "status").match("lifang/c1/D-1/status")
        {'community': 'c1', 'device': 'D-1'}
        >>> Template("lifang/{community}/{device}/status", "status").match("lifang/c1/D-1/status/more") is None
        True
        """
        levels, wanted = topic.split("/"), self.text.split("/")
        if len(levels) != len(wanted):
            return None
        said: dict[str, str] = {}
        for level, want in zip(levels, wanted, strict=True):
            if want.startswith("{"):
                said[want[1:-1]] = level
            elif level != want:
                return None
        return said


def command_topic(community: str, device: str) -> str:
    """Return where a device hears what it is told to do.

    Raises:
        BadInput: ``mqtt.topic`` when a name cannot be a level of a topic.

    >>> command_topic("c1", "D-1")
    'lifang/c1/D-1/commands'
    >>> command_topic("c1", "+")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: mqtt.topic: '+' cannot stand in a topic. Rename it.
    """
    for name in (community, device):
        if not name or re.search(r"[/+#\0]", name):
            raise BadInput("mqtt.topic", f"{name!r} cannot stand in a topic.", "Rename it.")
    return f"lifang/{community}/{device}/commands"
