"""A device's answer to a command, as its topic carries it: ``{"id": "D-1:unlock:3", "state": "acknowledged"}``."""

from pydantic import Field, ValidationError

from gis.errors import BadInput
from layers.device.commands import CommandAnswer
from layers.sources.payload import parse


class Answered(CommandAnswer):
    """How a command went, and which; ``id`` is the one the command came with."""

    id: str = Field(min_length=1, max_length=300)


def decode_answer(payload: bytes) -> Answered:
    """Return the answer in a message.

    Raises:
        BadInput: ``command.malformed`` naming the member, or what :func:`layers.sources.payload.parse` raises.

    >>> decode_answer(b'{"id": "D-1:unlock:3", "state": "failed", "result": "jammed"}').result
    'jammed'
    >>> decode_answer(b'{"id": "D-1:unlock:3", "state": "done"}')
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: command.malformed: No answer to a command: state: Input should be ...
    """
    try:
        return Answered.model_validate(parse(payload))
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False, include_input=False)
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            "command.malformed",
            f"No answer to a command: {where or 'message'}: {first['msg']}.",
            'Send {"id", "state": "acknowledged" or "failed", "result"}.',
            field=where or None,
        ) from None
