"""A building model into the twin: its places, then what stands at them, in one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bim_import.device_draft import DEVICE, device_records
from bim_import.model import ImportedModel
from layers import envelopes
from layers.device.types import with_family
from twin.batch import Batch, Taken
from twin.connection import CONNECTION, connection_records
from twin.feature import Feature, RecordDraft
from twin.intake import take_places
from twin.query import Query
from twin.store import Transaction


def take_model(
    transaction: Transaction, model: ImportedModel, batch: Batch, decided: Mapping[str, str] | None = None
) -> Taken:
    """Store the places of a model, and the connections, devices and envelopes at the codes these got.

    Raises:
        Conflict: As :func:`twin.intake.take_places`.
    """

    def records(codes: Mapping[str, str]) -> Mapping[str, Sequence[RecordDraft]]:
        devices = device_records(model.devices, codes)
        return {
            CONNECTION: connection_records(model.connections, codes, _standing(transaction, CONNECTION, batch)),
            DEVICE: _completed(devices, _standing(transaction, DEVICE, batch), batch),
        }

    taken = take_places(transaction, model.places, batch, decided, records)
    scenes = {taken.codes[one.key]: one.glb for one in model.envelope if one.key in taken.codes}
    buildings = {taken.codes[one.key] for one in model.places if one.kind == "building" and one.key in taken.codes}
    envelopes.keep(transaction, scenes, buildings, batch)
    return taken


def _standing(transaction: Transaction, layer: str, batch: Batch) -> list[Feature]:
    return [old for old in transaction.find(Query(layers=(layer,))).features if old.community == batch.community]


def _completed(devices: Sequence[RecordDraft], standing: Sequence[Feature], batch: Batch) -> list[RecordDraft]:
    """Return the devices with what another source, such as a list of assets, has said of them before."""
    known = {old.id: old.attributes for old in standing if old.source != batch.source}
    return [
        replace(device, attributes=with_family({**device.attributes, **known.get(device.id, {})})) for device in devices
    ]
