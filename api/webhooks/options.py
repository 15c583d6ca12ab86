"""How webhooks are called. Pure."""

import base64
import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """What an installation decides about its webhooks.

    Attributes:
        inside: They may lead to private and loopback addresses.
        timeout_s: For one attempt as a whole.
        attempts: After so many a batch is a dead letter.
        base_s: Wait after the first attempt; doubled after each.
        cap_s: Longest wait.
        pause_after: After so many dead letters in a row a subscription is paused.
        batch: Most events in one call.
        checkpoint_s: How often the position is kept while it moves.
        tick_s: How soon changes of subscriptions are noticed.
    """

    inside: bool = True
    timeout_s: float = 10.0
    attempts: int = 12
    base_s: float = 1.0
    cap_s: float = 300.0
    pause_after: int = 3
    batch: int = 200
    checkpoint_s: float = 5.0
    tick_s: float = 1.0

    def wait_s(self, attempt: int, chance: float, asked_s: float = 0.0) -> float:
        """Return how long to wait after an attempt, from 0: doubled, capped, and spread so that not all come at once.

        Args:
            attempt: Which one failed, from 0.
            chance: Random, 0 to 1.
            asked_s: What the receiver asked for (``Retry-After``).

        >>> options = WebhookOptions(base_s=1, cap_s=300)
        >>> options.wait_s(0, 1.0), options.wait_s(3, 0.0), options.wait_s(5000, 1.0), options.wait_s(0, 0.5, 1e9)
        (1.0, 4.0, 300.0, 300.0)
        """
        full_s = min(self.cap_s, self.base_s * 2.0 ** min(attempt, 60))
        return float(max(full_s * (0.5 + chance / 2), min(asked_s, self.cap_s)))


def secret_text(key: bytes) -> str:
    """Return the secret as it is shown, once.

    >>> secret_text(b"0" * 32)
    'whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA='
    """
    return "whsec_" + base64.b64encode(key).decode()


def signed_headers(key: bytes, message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a call, as the Standard Webhooks specification names and computes them.

    Args:
        key: The bytes of the secret.
        message: Id of the call; the same when it is tried again.
        timestamp: Seconds since 1970.
        body: The very bytes sent.

    >>> signed_headers(b"key", "m1", 1_700_000_000, b"{}")["webhook-signature"][:12]
    'v1,n4G0JeWsA'
    """
    told = f"{message}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "user-agent": "Lifang",
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
