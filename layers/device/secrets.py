"""One secret a device (一机一密, E 9.3.2.2): derived when it is needed, kept nowhere. Pure.

The key is HMAC-SHA256 of the installation's master key over who it is for. A new *generation* makes the old key
worthless; only the number of the generation is stored.
"""

import hashlib
import hmac

_SEPARATOR = "\x1f"


def derive_key(master: bytes, *who: str | int) -> bytes:
    """Return the key of one bearer, 32 bytes; different for every master key, bearer and generation.

    Args:
        master: The master key.
        who: What identifies the bearer: its kind, community, number, and last the generation.

    >>> first = derive_key(b"m" * 32, "device", "c1", "D-1", 1)
    >>> len(first), first == derive_key(b"m" * 32, "device", "c1", "D-1", 2)
    (32, False)
    >>> derive_key(b"m", "a", "bc") == derive_key(b"m", "ab", "c")   # no bearer can pass for another
    False
    """
    parts = [str(part) for part in who]
    told = _SEPARATOR.join(f"{len(part)}:{part}" for part in parts)
    return hmac.new(master, told.encode(), hashlib.sha256).digest()


def sign(key: bytes, body: bytes) -> str:
    """Return the signature of a message, 64 hexadecimal digits.

    >>> sign(b"key", b"")[:16]
    '5d5d139563c95b59'
    """
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def signed(key: bytes, body: bytes, signature: str) -> bool:
    """Tell whether a message bears this key's signature; takes equally long whatever is wrong.

    >>> signed(b"key", b"body", sign(b"key", b"body")), signed(b"key", b"other", sign(b"key", b"body"))
    (True, False)
    >>> signed(b"key", b"body", "ü")
    False
    """
    return hmac.compare_digest(sign(key, body).encode(), signature.casefold().encode())


def password(key: bytes) -> str:
    """Return the key as text: what is shown once, and what a broker takes as the device's password."""
    return key.hex()


def is_password(key: bytes, given: str) -> bool:
    """Tell whether this is the password of the key; takes equally long whatever is wrong.

    >>> is_password(b"key", password(b"key")), is_password(b"key", "")
    (True, False)
    """
    return hmac.compare_digest(password(key).encode(), given.casefold().encode())
