"""Signed requests: HTTP Message Signatures (RFC 9421) with ``hmac-sha256``. Pure.

The body is bound by Content-Digest (RFC 9530). Covered are the method, the path, the query, that digest where there is
a body, the moment and a nonce.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gis.errors import Unauthenticated

_INPUT = re.compile(
    r"""(?P<label>[a-z*][a-z0-9_.*-]*)=(?P<params>\((?P<covered>[^()]*)\)(?P<rest>(?:;[a-z]+=(?:"[^"\\]*"|\d{1,12}))*))"""
)
_PARAMETER = re.compile(r';([a-z]+)=(?:"([^"]*)"|(\d+))')
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]{44}):")
_ALWAYS = ("@method", "@path", "@query")
_NONCE = re.compile(r"[\x21-\x7e]{8,64}")


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature says of itself.

    Attributes:
        key: Number of the application.
        created: Seconds since 1970, UTC, by the sender's clock.
        nonce: Of 8 to 64 characters, never used twice.
        covered: Names of what is signed, in order.
        params: The text of the parameters, as signed.
        value: The signature.
    """

    key: str
    created: int
    nonce: str
    covered: tuple[str, ...]
    params: str
    value: bytes


def read_signature(given: str, signature: str) -> Signed:
    """Return what the headers ``Signature-Input`` and ``Signature`` hold.

    Raises:
        Unauthenticated: ``signature.malformed``, ``signature.uncovered``.

    >>> read_signature("lifang=()", "lifang=:AAAA:")
    Traceback (most recent call last):
        ...
    gis.errors.Unauthenticated: signature.malformed: Signature-Input has no created, keyid, nonce. ...
    """
    found = _INPUT.fullmatch(given.strip())
    if found is None:
        raise _malformed("Signature-Input is not one signature of the kind described")
    said = {name: text or number for name, text, number in _PARAMETER.findall(found["rest"])}
    missing = [name for name in ("created", "keyid", "nonce") if name not in said]
    if missing:
        raise _malformed(f"Signature-Input has no {', '.join(missing)}")
    if said.get("alg", "hmac-sha256") != "hmac-sha256" or not said["created"].isdigit():
        raise _malformed("Signature-Input has another algorithm than hmac-sha256, or no number as created")
    if not _NONCE.fullmatch(said["nonce"]):
        raise _malformed("The nonce has not 8 to 64 printable characters")
    covered = tuple(re.findall(r'"([^"]*)"', found["covered"]))
    if not set(_ALWAYS) <= set(covered) <= {*_ALWAYS, "content-digest"} or len(set(covered)) < len(covered):
        raise Unauthenticated(
            "signature.uncovered",
            f"The signature covers {found['covered'] or 'nothing'}.",
            'Cover "@method" "@path" "@query", and "content-digest" where there is a body.',
        )
    value = re.fullmatch(rf"{re.escape(found['label'])}=:([A-Za-z0-9+/=]+):", signature.strip())
    return Signed(
        said["keyid"],
        int(said["created"]),
        said["nonce"],
        covered,
        found["params"],
        _decoded(value[1] if value else ""),
    )


def _malformed(what: str) -> Unauthenticated:
    return Unauthenticated("signature.malformed", f"{what}.", "See docs/applications.md.")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def base_of(covered: Sequence[str], params: str, values: Mapping[str, str]) -> bytes:
    """Return the signature base (RFC 9421, 2.5): one line for each component, the parameters last.

    >>> base_of(["@method"], '("@method")', {"@method": "GET"}).decode().splitlines()
    ['"@method": GET', '"@signature-params": ("@method")']
    """
    lines = [f'"{name}": {values[name]}' for name in covered]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode()


def components(method: str, path: str, query: str, digest: str | None) -> dict[str, str]:
    """Return the values of what a signature may cover; the query begins with its question mark, also when empty."""
    return {"@method": method, "@path": path, "@query": f"?{query}", "content-digest": digest or ""}


def mac(key: bytes, base: bytes) -> bytes:
    """Return the signature of a base."""
    return hmac.digest(key, base, "sha256")


def proves(signed: Signed, key: bytes, values: Mapping[str, str]) -> bool:
    """Tell whether the key has made the signature; takes equally long whatever is wrong."""
    return hmac.compare_digest(mac(key, base_of(signed.covered, signed.params, values)), signed.value)


def digest_of(body: bytes) -> str:
    """Return the header ``Content-Digest`` of a body.

    >>> digest_of(b"")
    'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:'
    """
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def promised(header: str) -> bytes:
    """Return the SHA-256 that a header ``Content-Digest`` promises.

    Raises:
        Unauthenticated: ``signature.no_digest``.
    """
    found = _DIGEST.search(header)
    if found is None:
        raise Unauthenticated("signature.no_digest", "Content-Digest names no sha-256.", "Send sha-256=:BASE64:.")
    return _decoded(found[1])
