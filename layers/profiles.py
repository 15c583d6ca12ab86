"""Saved mappings: how the columns of one supplier's files are read, once a person has settled it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gis.errors import BadInput
from layers.columns import ColumnMap, Guess, Match, place_words
from layers.names import is_personal
from layers.units import unit_of_heading
from layers.values import typed
from twin.declaration import Layer

NAME = r"^[\w\-.（）() ]{1,60}$"
"""What a profile may be called."""


class Profile(BaseModel):
    """How the files of one kind are read.

    Attributes:
        layer: Layer they become.
        columns: Column → field, or what the column says of the place; columns not named here are kept under their own
            names.
        constants: Field → value of every row that says nothing else.
        headers: All columns of the file it was made for; one that has just these is recognised.
        crs: Coordinate system, where the files name none.
        encoding: Text encoding, where the files name none.
        table: Table or sheet inside the files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: str
    columns: dict[str, str] = Field(min_length=1, max_length=500)
    constants: dict[str, str | int | float | bool] = Field(default_factory=dict)
    headers: tuple[str, ...] = ()
    crs: str | None = None
    encoding: str | None = None
    table: str | None = None


def check_profile(layer: Layer, profile: Profile) -> None:
    """Refuse a profile that no file could be read by.

    Raises:
        BadInput: ``profile.unknown_field``, ``profile.field_twice``, ``profile.bad_constant``; ``layer.wrong_unit``.
    """
    targets = list(profile.columns.values())
    places = () if layer.kind == "place" else place_words()
    for target in (*targets, *profile.constants):
        if layer.field(target) is None and (target not in places or target in profile.constants):
            known = ", ".join([*(field.name for field in layer.fields), *places])
            raise BadInput(
                "profile.unknown_field", f"The layer {layer.name} has no field {target}.", f"Use one of {known}.",
                field=target,
            )  # fmt: skip
        if targets.count(target) > 1:
            raise BadInput(
                "profile.field_twice", f"Two columns are given to {target}.", "Give it one column.", field=target
            )
    _constants(layer, profile)
    _units(layer, profile.columns)


def profile_of(guess: Guess, **how: str | None) -> Profile:
    """Return the profile that reads files as a guess does; ``how`` gives its crs, encoding and table.

    >>> from layers.catalogue import load_catalogue
    >>> from layers.columns import guess_columns
    >>> profile_of(guess_columns(load_catalogue()["green"], ["绿地编号", "面积", "备注"])).columns
    {'绿地编号': 'green_no', '面积': 'area_m2'}
    """
    columns = {match.column: match.target for match in guess.matches}
    if not columns:
        raise BadInput("profile.no_columns", "No column was understood.", "Name the columns in the profile itself.")
    return Profile(layer=guess.layer.name, columns=columns, headers=guess.headers, **how)  # type: ignore[arg-type]


def apply_profile(layer: Layer, profile: Profile, headers: Sequence[str]) -> ColumnMap:
    """Return how a file with these columns is read by a profile; nothing is guessed.

    Raises:
        BadInput: ``profile.other_layer``; ``profile.columns_gone``, naming the columns the file no longer has;
            ``profile.required``, naming required fields that it gives neither column nor constant; and what
            :func:`check_profile` raises, should the declaration have changed since.

    >>> from layers.catalogue import load_catalogue
    >>> green = load_catalogue()["green"]
    >>> columns, constants = {"BH": "green_no", "MJ": "area_m2"}, {"green_class": "公共绿地"}
    >>> ours = Profile(layer="green", columns=columns, constants=constants)
    >>> found = apply_profile(green, ours, ["BH", "MJ", "bz"])
    >>> list(found.fields), found.others, found.constants
    (['BH', 'MJ'], ('bz',), {'green_class': 'public'})
    >>> apply_profile(green, ours, ["BH", "面积"])
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: profile.columns_gone: The file no longer has the columns MJ of the profile. ...
    """
    _check_fits(layer, profile, headers)
    check_profile(layer, profile)
    fields = {column: field for column, target in profile.columns.items() if (field := layer.field(target))}
    places = {column: target for column, target in profile.columns.items() if column not in fields}
    others = tuple(name for name in headers if name not in profile.columns and not is_personal(name))
    return ColumnMap(fields, places, others, _units(layer, profile.columns), _constants(layer, profile))


def given_guess(layer: Layer, profile: Profile, headers: Sequence[str]) -> Guess:
    """Return what a profile says of a file's columns in the form of a guess, to be shown like one.

    Raises:
        BadInput: As :func:`apply_profile`.
    """
    columns = apply_profile(layer, profile, headers)
    fields = [Match(column, field.name, "field", "given", 1.0) for column, field in columns.fields.items()]
    places = [Match(column, role, "place", "given", 1.0) for column, role in columns.places.items()]
    return Guess(
        layer=layer,
        headers=tuple(headers),
        matches=(*fields, *places),
        doubts={},
        proposals=(),
        claims={},
        missing=(),
        others=columns.others,
        personal=tuple(name for name in headers if name not in profile.columns and name not in columns.others),
    )


def fitting(profiles: Mapping[str, Profile], layer: str, headers: Sequence[str]) -> list[str]:
    """Return the names of the profiles that were made for a file of just these columns, in any order.

    >>> ours = Profile(layer="green", columns={"BH": "green_no"}, headers=("BH", "MJ"))
    >>> fitting({"园林局": ours}, "green", ["MJ", "BH"])
    ['园林局']
    >>> fitting({}, "green", [])
    []
    """
    return sorted(
        name
        for name, profile in profiles.items()
        if profile.layer == layer and profile.headers and set(profile.headers) == set(headers)
    )


def _check_fits(layer: Layer, profile: Profile, headers: Sequence[str]) -> None:
    if profile.layer != layer.name:
        raise BadInput(
            "profile.other_layer",
            f"The profile is for the layer {profile.layer}, not for {layer.name}.",
            "Name that layer, or another profile.",
            layer=profile.layer,
        )
    gone = [column for column in profile.columns if column not in headers]
    if gone:
        raise BadInput(
            "profile.columns_gone",
            f"The file no longer has the columns {', '.join(gone)} of the profile.",
            f"It has {', '.join(headers)}; mend the file, or save the profile again.",
            columns=gone,
        )
    given = {*profile.columns.values(), *profile.constants}
    lacking = [field.name for field in layer.fields if field.name not in given and _is_required(layer, field.name)]
    if lacking:
        raise BadInput(
            "profile.required",
            f"The profile gives nothing to {', '.join(lacking)}.",
            "Give it a column, or a constant.",
            field=lacking[0],
        )


def _is_required(layer: Layer, name: str) -> bool:
    field = layer.field(name)
    return (field is not None and field.required) or (name == layer.id_field and layer.kind == "record")


def _constants(layer: Layer, profile: Profile) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, written in profile.constants.items():
        field = layer.field(name)
        try:
            values[name] = None if field is None else typed(field, written)
        except ValueError as error:
            raise BadInput("profile.bad_constant", f"{name}: {error}.", "Mend the constant.", field=name) from error
    return values


def _units(layer: Layer, columns: Mapping[str, str]) -> dict[str, str]:
    named = ((column, layer.field(target)) for column, target in columns.items())
    return {column: unit for column, field in named if field and (unit := unit_of_heading(column, field))}
