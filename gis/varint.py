"""Numbers and fields as Protocol Buffers write them."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

_LOW = 0x7F


def varint(number: int) -> bytes:
    r"""Return one number from 0 on, seven bits a byte, low bits first.

    >>> varint(0), varint(300)
    (b'\x00', b'\xac\x02')
    """
    if number < len(_SMALL):
        return _SMALL[number]
    return _written(number)


def _written(number: int) -> bytes:
    found = bytearray()
    while number > _LOW:
        found.append(number & _LOW | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


_SMALL = tuple(_written(number) for number in range(4096))


def varints(numbers: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> list[bytes]:
    r"""Return numbers from 0 to 2**63 - 1, in groups.

    Args:
        numbers: All of them.
        ends: Where each group ends, counted in numbers; a group may be empty.

    >>> varints(np.array([1, 300, 2]), np.array([2, 2, 3]))
    [b'\x01\xac\x02', b'', b'\x02']
    """
    widths = np.ones(len(numbers), dtype=np.int64)
    for bits in range(7, int(numbers.max(initial=0)).bit_length(), 7):
        widths += numbers >> bits > 0
    stops = np.cumsum(widths)
    begins = stops - widths
    content = np.empty(stops[-1] if len(stops) else 0, dtype=np.uint8)
    for place in range(int(widths.max(initial=0))):
        held = widths > place
        more = (widths[held] > place + 1).astype(np.int64) << 7
        content[begins[held] + place] = (numbers[held] >> (7 * place)) & _LOW | more
    whole = content.tobytes()
    edges = np.concatenate(([0], stops))[np.concatenate(([0], ends))].tolist()
    return [whole[start:end] for start, end in pairwise(edges)]


def field(number: int, content: bytes) -> bytes:
    r"""Return a field that holds bytes, text or a message.

    >>> field(1, b"ab")
    b'\n\x02ab'
    """
    return varint(number << 3 | 2) + varint(len(content)) + content
