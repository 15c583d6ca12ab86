"""A client of an MQTT broker (5 and 3.1.1): a message is acknowledged when what it says is durable, never before.

The network's thread only queues; one thread takes what waits, many messages in one commit, and then acknowledges them
in their order. What was not acknowledged the broker delivers again, and the twin knows it by its number.
"""

import asyncio
import logging
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from api.live import Live
from api.sources.taker import Delivery, Taker
from gis.errors import BadInput, LifangError, Unavailable
from layers.sources.topics import TOPICS, Template
from twin.store import Store

IN_FLIGHT = 2000
"""Messages a broker may deliver before the first is acknowledged (MQTT 5 Receive Maximum), and the longest queue."""

WAITING_BYTES = 64_000_000
SESSION_S = 7 * 24 * 3600
"""So long a broker keeps what it could not deliver while the service was away."""

KEEPALIVE_S = 30
PUBLISH_S = 5.0
_AT_ONCE = 1000
_LEAST_WAIT_S, _MOST_WAIT_S = 0.1, 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttOptions:
    """Which broker, who we are there, and what we listen to.

    Attributes:
        ca: Certificates that the broker's is checked against; ``None``: those of the system.
        client: Name of the session; every process of the service needs one of its own.
        share: Several processes with one share divide the messages among them (``$share``); ``None``: each hears all.
        topics: Template → source, as :data:`layers.sources.topics.TOPICS`.
    """

    host: str
    port: int
    tls: bool = False
    ca: Path | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    client: str = "lifang"
    share: str | None = None
    version: Literal["5", "3.1.1"] = "5"
    topics: Mapping[str, str] = field(default_factory=lambda: TOPICS)

    @property
    def templates(self) -> tuple[Template, ...]:
        """Return the templates.

        Raises:
            BadInput: ``mqtt.template``, ``mqtt.source``.
        """
        return tuple(Template(text, source) for text, source in self.topics.items())


def broker_at(url: str, **more: Any) -> MqttOptions:
    """Return the options for a broker's address, ``mqtt://`` or ``mqtts://`` (TLS).

    Raises:
        BadInput: ``mqtt.url``.

    >>> broker_at("mqtts://lifang@broker.example.cn").port, broker_at("mqtt://10.0.0.7:1884").host
    (8883, '10.0.0.7')
    >>> broker_at("mqtt://user:secret@broker")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: mqtt.url: The broker's address holds a password. Put it into LIFANG_MQTT_PASSWORD.
    >>> broker_at("http://broker")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: mqtt.url: 'http://broker' is no address of a broker. Say mqtt://HOST:PORT or mqtts://HOST:PORT.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.password is not None:
        raise BadInput(
            "mqtt.url", "The broker's address holds a password.", "Put it into LIFANG_MQTT_PASSWORD.", field="mqtt"
        )
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
        raise BadInput(
            "mqtt.url",
            f"{url!r} is no address of a broker.",
            "Say mqtt://HOST:PORT or mqtts://HOST:PORT.",
            field="mqtt",
        )
    tls = parts.scheme == "mqtts"
    user = None if parts.username is None else unquote(parts.username)
    return MqttOptions(host=parts.hostname, port=port or (8883 if tls else 1883), tls=tls, user=user, **more)


class Mqtt:
    """The connection to one broker; it may be started again after it was stopped.

    Args:
        options: Which broker.
        taker: Takes the messages.
    """

    def __init__(self, options: MqttOptions, taker: Taker) -> None:
        self._options = options
        self._taker = taker
        self._filters = tuple(_filter(template, options.share) for template in options.templates)
        self._waiting: deque[Delivery] = deque()
        self._bytes = 0
        self._some = threading.Condition()
        self._stopping = threading.Event()
        self._acknowledging = threading.Lock()
        self._connection = self._connects = 0
        self._received = self._acknowledged = 0
        self._fault: str | None = None
        self._client = self._made()
        self._worker: threading.Thread | None = None

    # --- what others ask --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect; a broker that is not there yet is waited for."""
        self._stopping.clear()
        self._client = self._made()
        self._worker = threading.Thread(target=self._work, name="mqtt")
        self._worker.start()
        self._client.loop_start()

    def stop(self) -> None:
        """Finish the batch in hand, leave; what still waits the broker keeps."""
        self._stopping.set()
        with self._some:
            self._some.notify_all()
        if self._worker is not None:
            self._worker.join()
        self._client.disconnect()
        self._client.loop_stop()
        # The library closes its own sockets when its client goes; our callbacks would keep it.
        self._client.on_connect = self._client.on_disconnect = None
        self._client.on_subscribe = self._client.on_message = None
        with self._some:
            self._waiting.clear()
            self._bytes = 0

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        try:
            await asyncio.to_thread(self.start)
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(self.stop)

    @property
    def shared(self) -> bool:
        """Tell whether several processes divide the messages; otherwise one of them must listen alone."""
        return self._options.share is not None

    def publish(self, topic: str, payload: bytes) -> None:
        """Tell a device something, and return when the broker has it.

        Raises:
            Unavailable: ``mqtt.not_connected``, ``mqtt.not_published``.
        """
        if not self._client.is_connected():
            raise Unavailable("mqtt.not_connected", "The broker is not connected.", "Try again later.", topic=topic)
        info = self._client.publish(topic, payload, qos=1)
        try:
            info.wait_for_publish(PUBLISH_S)
            done = info.is_published()
        except (RuntimeError, ValueError):
            done = False
        if not done:
            raise Unavailable(
                "mqtt.not_published", f"The broker did not take a message on {topic}.", "Try again later.", topic=topic
            )

    def state(self) -> dict[str, Any]:
        """Return how the connection is and what it brought."""
        counts = self._taker.counts
        return {
            "broker": f"{self._options.host}:{self._options.port}",
            "connected": self._client.is_connected(),
            "connections": self._connects,
            "fault": self._fault,
            "received": self._received,
            "waiting": len(self._waiting),
            "acknowledged": self._acknowledged,
            "accepted": counts.accepted,
            "duplicates": counts.duplicates,
            "unchanged": counts.unchanged,
            "rejected": counts.rejected,
            "rejected_untold": self._taker.untold,
        }

    # --- the network's thread ---------------------------------------------------------------------------------------

    def _made(self) -> Client:
        options = self._options
        modern = options.version == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            options.client,
            clean_session=None if modern else False,
            protocol=MQTTProtocolVersion.MQTTv5 if modern else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        if options.user is not None:
            client.username_pw_set(options.user, options.password)
        if options.tls:
            client.tls_set_context(_tls(options.ca))
        client.reconnect_delay_set(1, int(_MOST_WAIT_S))
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_subscribe, client.on_message = self._subscribed, self._deliver
        session: dict[str, Any] = {"clean_start": False, "properties": _session()} if modern else {}
        client.connect_async(options.host, options.port, KEEPALIVE_S, **session)
        return client

    def _connected(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._fault = str(reason)
            _log.warning("the broker refuses us: %s", reason)
            return
        self._fault = None
        self._connects += 1
        for one in self._filters:
            client.subscribe(one, qos=1)

    def _disconnected(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        # No acknowledgement may slip onto the next connection, where its packet id may be another message's.
        with self._acknowledging:
            self._connection += 1
        if not self._stopping.is_set():
            self._fault = self._fault or str(reason)  # why it refused us tells more than that it hung up
            _log.warning("the broker went away: %s", reason)

    def _subscribed(
        self, _client: Client, _data: Any, _packet: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._fault = f"subscription refused: {', '.join(refused)}"
            _log.warning("%s", self._fault)

    def _deliver(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        delivery = Delivery(self._connection, message.mid, message.qos, message.topic, bytes(message.payload))
        with self._some:
            # While the store cannot follow, the socket is not read: the broker keeps what does not fit.
            self._some.wait_for(self._room)
            self._waiting.append(delivery)
            self._bytes += len(delivery.payload)
            self._received += 1
            self._some.notify_all()

    def _room(self) -> bool:
        return self._stopping.is_set() or (len(self._waiting) < IN_FLIGHT and self._bytes < WAITING_BYTES)

    # --- the thread that takes --------------------------------------------------------------------------------------

    def _work(self) -> None:
        while batch := self._next():
            if self._take(batch):
                self._acknowledge(batch)

    def _next(self) -> list[Delivery]:
        """Return what waits, at most :data:`_AT_ONCE` messages; empty when it is time to stop."""
        with self._some:
            self._some.wait_for(lambda: self._waiting or self._stopping.is_set())
            if self._stopping.is_set():
                return []
            batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            self._bytes -= sum(len(one.payload) for one in batch)
            self._some.notify_all()
            return batch

    def _take(self, batch: Sequence[Delivery]) -> bool:
        """Take a batch; ``False`` when we stop before the store could."""
        try:
            return self._insist(lambda: self._taker.take(batch))
        except Exception as error:  # noqa: BLE001 - a message nobody thought of must not come back for ever
            _log.warning("a batch of %d messages failed", len(batch), exc_info=error)
            return self._take_apart(batch, error)

    def _take_apart(self, batch: Sequence[Delivery], error: Exception) -> bool:
        """Take messages one by one, so that only what cannot be taken is refused."""
        if len(batch) > 1:
            return all(self._take([one]) for one in batch)
        fault = BadInput(
            "mqtt.failed", f"The message could not be read: {type(error).__name__}.", "Report it with the message."
        )
        return self._insist(lambda: self._taker.refuse(batch[0], error if isinstance(error, LifangError) else fault))

    def _insist(self, step: Callable[[], None]) -> bool:
        """Do a step, trying again while the store cannot; ``False`` when we stop before it could."""
        wait_s = _LEAST_WAIT_S
        while True:
            try:
                step()
            except Unavailable as error:
                _log.warning("%s", error)
                if self._stopping.wait(wait_s):
                    return False
                wait_s = min(2 * wait_s, _MOST_WAIT_S)
            else:
                return True

    def _acknowledge(self, batch: Sequence[Delivery]) -> None:
        with self._acknowledging:
            for one in batch:
                if one.qos and one.connection == self._connection:
                    self._client.ack(one.packet, one.qos)
                    self._acknowledged += 1


def _filter(template: Template, share: str | None) -> str:
    return template.filter if share is None else f"$share/{share}/{template.filter}"


def _session() -> Any:
    properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_S
    properties.ReceiveMaximum = IN_FLIGHT
    return properties


def _tls(ca: Path | None) -> ssl.SSLContext:
    """Return what checks the broker's certificate and name.

    Raises:
        Unavailable: ``mqtt.certificates``.
    """
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise Unavailable("mqtt.certificates", f"{ca} cannot be used: {error}.", "See LIFANG_MQTT_CA.") from error


def mqtt_part(store: Store, live: Live, options: MqttOptions | None, clock: Callable[[], datetime]) -> "Mqtt | None":
    """Return the connection a service wants, ``None`` when it wants none.

    Raises:
        BadInput: ``mqtt.template``, ``mqtt.source``.
        Unavailable: ``mqtt.certificates``.
    """
    return None if options is None else Mqtt(options, Taker(store, live, options.templates, clock))
