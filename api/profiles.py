"""Mapping profiles in the store, and how an import reads its columns: by a profile, or by what they seem to be."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar, cast

from pydantic import ValidationError

from api.import_options import ModelOptions, TableOptions
from gis.errors import BadInput, LifangError, NotFound
from gis.read import Row
from layers.columns import ColumnMap, Guess, as_map, guess_columns
from layers.mapping import SAMPLE
from layers.profiles import Profile, apply_profile, check_profile, fitting
from twin.declaration import Layer
from twin.feature import Feature
from twin.query import Query
from twin.store import Store, Transaction

LAYER = "mapping_profile"

Asked = TypeVar("Asked", bound=ModelOptions | TableOptions)


def profiles(store: Store) -> dict[str, Profile]:
    """Return all saved profiles by name."""
    found = store.find(Query(layers=(LAYER,))).features
    return {one.id: Profile.model_validate(one.attributes) for one in sorted(found, key=lambda one: one.id)}


def saved_profile(store: Store, name: str) -> Profile:
    """Return a saved profile.

    Raises:
        NotFound: ``profile.unknown``.
    """
    found = store.find(Query(layers=(LAYER,), ids=(name,))).features
    if not found:
        raise NotFound("profile.unknown", f"There is no mapping profile {name!r}.", "See /v1/mapping-profiles.")
    return Profile.model_validate(found[0].attributes)


def save_profile(store: Store, layer: Layer, name: str, profile: Profile, community: str) -> bool:
    """Save a profile under a name, over an older one of that name, which stays on record; tell whether it differs.

    Raises:
        BadInput: As :func:`layers.profiles.check_profile`.
    """
    check_profile(layer, profile)
    record = Feature(layer=LAYER, id=name, community=community, name=name, attributes=profile.model_dump(mode="json"))
    return store.write(lambda transaction: transaction.put(record)).result()


def delete_profile(store: Store, name: str, now: datetime) -> None:
    """End a profile; its versions stay on record.

    Raises:
        NotFound: ``profile.unknown``.
    """

    def work(transaction: Transaction) -> bool:
        return transaction.end(LAYER, name, now)

    if not store.write(work).result():
        raise NotFound("profile.unknown", f"There is no mapping profile {name!r}.", "See /v1/mapping-profiles.")


def parse_profile(values: object) -> Profile:
    """Return the profile that plain values mean.

    Raises:
        BadInput: ``profile.bad_value``, naming the key.

    >>> parse_profile({"layer": "green"})
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: profile.bad_value: columns: Field required. See docs/mapping.md.
    """
    try:
        return Profile.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput("profile.bad_value", f"{key}: {first['msg']}.", "See docs/mapping.md.", field=key) from error


def resolved(store: Store, options: Asked) -> Asked:
    """Return the options with the profile they name put in; what the planner says goes before what it says.

    Raises:
        NotFound: ``profile.unknown``.
    """
    if not isinstance(options, TableOptions) or options.profile is None:
        return options
    profile = saved_profile(store, options.profile)
    said = {name: getattr(options, name) or getattr(profile, name) for name in ("crs", "encoding", "table")}
    return cast("Asked", options.model_copy(update={**said, "profile": None, "mapping": profile}))


def columns_of(
    store: Store, layer: Layer, rows: Sequence[Row], options: TableOptions, on_notice: Callable[[LifangError], None]
) -> ColumnMap:
    """Return how the columns of a file are read; what a planner should know of them is told.

    Raises:
        BadInput: As :func:`layers.columns.map_columns` and :func:`layers.profiles.apply_profile`.
    """
    headers = list(rows[0].properties)
    if options.mapping is not None:
        return apply_profile(layer, options.mapping, headers)
    guess = guess_columns(layer, headers, options.id_column, [row.properties for row in rows[:SAMPLE]])
    for notice in _notices(guess, fitting(profiles(store), layer.name, headers)):
        on_notice(notice)
    return as_map(guess)


def _notices(guess: Guess, saved: Sequence[str]) -> list[LifangError]:
    notices: list[LifangError] = [
        BadInput(
            "layer.doubtful_column",
            f"The column {column} may be {' or '.join(targets)}; it is kept under its own name.",
            "Name it in a mapping profile.",
            field=column,
        )
        for column, targets in guess.doubts.items()
    ]
    if guess.personal:
        notices.append(
            BadInput(
                "layer.personal_column",
                f"The columns {', '.join(guess.personal)} are personal and not declared; they were left out.",
                "Import them into a layer that declares and masks them.",
                field=guess.personal[0],
            )
        )
    if saved:
        notices.append(
            BadInput(
                "profile.fits",
                f"The mapping profile {saved[0]} was saved for files of just these columns.",
                f"Import with --profile '{saved[0]}' to use it.",
            )
        )
    return notices
