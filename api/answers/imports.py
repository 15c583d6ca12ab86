"""Imports, from the file to the change in the twin; reviews; how columns become fields."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from api.answers.common import Code, DateTime, Geometry, Share, Text
from api.spool import State
from bim_import.model import ModelReceipt
from twin.difference import Outcome

Counts = Annotated[
    dict[str, dict[str, int]], Field(description="Layer → how many were added, changed, unchanged, ended.")
]


@with_config(ConfigDict(extra="allow"))
class ImportFault(TypedDict):
    """Why an import failed; further members tell where."""

    code: Annotated[str, Field(description="Stable; all are in docs/errors.md.")]
    detail: str
    cure: str


class Change(TypedDict):
    """One place or record that an import adds, changes, moves or ends."""

    layer: str
    id: str
    name: str | None
    outcome: Annotated[Outcome, Field(description="moved: nothing but the outline or the heights differ.")]
    properties: Annotated[
        dict[str, list[Any]],
        Field(description="Property → value before and after; `outline_m`: metres that the outline moved."),
    ]


class BuildingCandidate(TypedDict):
    """A building that a doubtful footprint may be."""

    code: Code
    overlap: Annotated[float, Field(ge=0, le=1, description="Of the two footprints, 0 to 1.")]


class DoubtfulFootprint(TypedDict):
    """A footprint that may be a building already there."""

    id: str
    name: str | None
    reason: str
    candidates: Annotated[list[BuildingCandidate], Field(description="Best first.")]
    decide: Annotated[str, Field(description="How it is decided.")]


class Difference(TypedDict):
    """What an import changes in the twin."""

    counts: Counts
    changes: list[Change]
    doubtful: list[DoubtfulFootprint]


class ImportJob(TypedDict):
    """A file that was sent in; what it would change, once it is rehearsed."""

    id: str
    file: str
    community: str
    options: dict[str, str]
    commit: Annotated[bool, Field(description="Whether it is stored without a decision.")]
    created_at: DateTime
    changed_at: DateTime
    state: State
    stage: Annotated[str, Field(description="What is being done.")]
    share: Annotated[float, Field(ge=0, le=1, description="How much of it, 0 to 1.")]
    error: ImportFault | None
    summary: NotRequired[str]
    unchanged_since: NotRequired[
        Annotated[str | None, Field(description="The import that brought exactly this; then nothing was read.")]
    ]
    receipt: NotRequired[Annotated[ModelReceipt | None, Field(description="How a building model was read.")]]
    warnings: NotRequired[list[str]]
    difference: NotRequired[Difference]


class ImportDone(TypedDict):
    """An import in the log."""

    batch: str
    source: Annotated[str, Field(description="The file.")]
    community: str
    at: DateTime
    counts: Counts
    undone_by: str | None


class CommittedImport(ImportDone):
    """An import in the log, whose file was sent in long ago or imported by command."""

    id: str
    state: Literal["committed"]


class Imports(TypedDict):
    """The files sent in and the imports in the log, newest first."""

    jobs: list[ImportJob]
    imports: list[ImportDone]


class UndoneImport(TypedDict):
    """An import that was taken back."""

    batch: str
    taken_back: Annotated[int, Field(description="Versions.")]


class Review(TypedDict):
    """A doubtful footprint that waits for a decision."""

    id: str
    name: str | None
    reason: str
    candidates: Annotated[list[BuildingCandidate], Field(description="Best first.")]
    source: str | None
    geometry: Geometry | None


class Reviews(TypedDict):
    """What waits for a decision."""

    reviews: list[Review]


class DecidedReview(TypedDict):
    """What a footprint was decided to be."""

    code: Code


class SampleValue(TypedDict):
    """A value of a column, and what it becomes or why it cannot be read."""

    written: Any
    read: NotRequired[Any]
    error: NotRequired[str]


class ColumnGuess(TypedDict):
    """What a column would be taken for."""

    column: str
    kind: Annotated[str | None, Field(description="field, place or id; null when nobody knows.")]
    target: Annotated[str | None, Field(description="Field, or what the column says of the place.")]
    title: Text | None
    how: Annotated[str | None, Field(description="How it was understood: title, alias …")]
    confidence: Share
    candidates: Annotated[list[str], Field(description="What it may be, where in doubt.")]
    unit: Annotated[str | None, Field(description="UCUM code that its heading names.")]
    fault: str | None
    personal: Annotated[bool, Field(description="Personal columns are not imported.")]
    filled: Annotated[float, Field(ge=0, le=1, description="Share of the rows that say something, 0 to 1.")]
    unreadable: Annotated[int, Field(description="Cells that cannot be read.")]
    values: Annotated[list[SampleValue], Field(description="Up to three.")]


class MissingField(TypedDict):
    """A required field that no column is taken for."""

    field: str
    title: Text


class ColumnMapping(TypedDict):
    """What an import would make of a file's columns."""

    layer: str
    rows: int
    columns: list[ColumnGuess]
    missing: list[MissingField]
    unmapped: list[str]
    personal: list[str]
    ready: Annotated[bool, Field(description="Whether the import would start.")]
    profiles: Annotated[list[str], Field(description="Saved profiles that fit these columns.")]


class MappingProfile(TypedDict):
    """A saved mapping: how the files of one kind are read."""

    name: str
    layer: str
    columns: Annotated[dict[str, str], Field(description="Column → field, or what it says of the place.")]
    constants: Annotated[dict[str, Any], Field(description="Field → value of every row that says nothing else.")]
    headers: Annotated[list[str], Field(description="All columns of the file it was made for.")]
    crs: str | None
    encoding: str | None
    table: str | None


class SavedProfile(MappingProfile):
    """A profile as it was saved."""

    changed: Annotated[bool, Field(description="false: it was so already.")]


class MappingProfiles(TypedDict):
    """All saved profiles."""

    profiles: list[MappingProfile]
