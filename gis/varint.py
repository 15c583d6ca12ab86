"""Numbers and fields as Protocol Buffers write them."""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

_LOW = 0x7F
_BITS = 63


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


def widths(numbers: Integers) -> Integers:
    """Return how many bytes each number from 0 to 2**63 - 1 takes.

    >>> widths(np.array([0, 127, 128, 2**53])).tolist()
    [1, 1, 2, 8]
    """
    found = np.ones(len(numbers), dtype=np.int64)
    longer = np.flatnonzero(numbers > _LOW)
    bits = 7
    while len(longer):
        found[longer] += 1
        bits += 7
        longer = longer[numbers[longer] >> bits > 0] if bits < _BITS else longer[:0]
    return found


def packed(numbers: Integers) -> bytes:
    r"""Return numbers from 0 to 2**63 - 1 one after another.

    >>> packed(np.array([1, 300, 2]))
    b'\x01\xac\x02\x02'
    """
    sizes = widths(numbers)
    begins = np.cumsum(sizes) - sizes
    content = np.empty(int(sizes.sum()), dtype=np.uint8)
    rest, left = numbers, sizes
    while len(rest):
        content[begins] = (rest & _LOW) | (left > 1) << 7
        longer = np.flatnonzero(left > 1)
        rest, left, begins = rest[longer] >> 7, left[longer] - 1, begins[longer] + 1
    return content.tobytes()


def field(number: int, content: bytes) -> bytes:
    r"""Return a field that holds bytes, text or a message.

    >>> field(1, b"ab")
    b'\n\x02ab'
    """
    return varint(number << 3 | 2) + varint(len(content)) + content
