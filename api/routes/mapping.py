"""How columns become fields: the guess before an import, saved profiles, and templates to fill in."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from api.answers import sends, tells
from api.answers.imports import ColumnMapping, MappingProfile, MappingProfiles, SavedProfile
from api.bodies import described_as
from api.importing import Importer
from api.profiles import delete_profile, parse_profile, profiles, save_profile, saved_profile
from api.state import Here
from layers.columns import guess_columns
from layers.mapping import SAMPLE, preview
from layers.profiles import NAME, Profile, fitting
from layers.templates import template

router = APIRouter(tags=["imports"])

_EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Name = Annotated[str, Path(pattern=NAME)]
_Given = Annotated[dict[str, Any], described_as(Profile)]


class FileColumns(BaseModel):
    """Columns of a file that may be imported, with some of its rows."""

    layer: str = Field(examples=["green"])
    columns: list[str] = Field(max_length=500, examples=[["绿地编号", "面积(公顷)"]])
    rows: list[dict[str, Any]] = Field(default_factory=list, max_length=SAMPLE)
    id_column: str | None = None


@router.post("/v1/imports/mapping", responses=tells(ColumnMapping))
def mapping(here: Here, given: FileColumns) -> dict[str, Any]:
    """Return what each column would be taken for, how sure that is, what its values become, and profiles that fit."""
    guess = guess_columns(here.catalogue[given.layer], given.columns, given.id_column, given.rows)
    return {**preview(guess, given.rows), "profiles": fitting(profiles(here.store), given.layer, given.columns)}


@router.get("/v1/mapping-profiles", responses=tells(MappingProfiles))
def list_profiles(here: Here) -> dict[str, Any]:
    """Return all saved profiles."""
    found = profiles(here.store)
    return {"profiles": [{"name": name, **profile.model_dump(mode="json")} for name, profile in found.items()]}


@router.get("/v1/mapping-profiles/{name}", responses=tells(MappingProfile))
def one_profile(here: Here, name: Name) -> dict[str, Any]:
    """Return a saved profile."""
    return {"name": name, **saved_profile(here.store, name).model_dump(mode="json")}


@router.put("/v1/mapping-profiles/{name}", responses=tells(SavedProfile))
async def put_profile(here: Here, name: Name, given: _Given) -> dict[str, Any]:
    """Save a profile; an older one of that name stays on record."""
    profile = parse_profile(given)
    layer = here.catalogue[profile.layer]
    community = Importer(here.store, here.catalogue, None).community
    changed = await asyncio.to_thread(save_profile, here.store, layer, name, profile, community)
    return {"name": name, "changed": changed, **profile.model_dump(mode="json")}


@router.delete("/v1/mapping-profiles/{name}", status_code=204, response_class=Response)
async def end_profile(here: Here, name: Name) -> None:
    """Take a profile off the list; its versions stay on record."""
    await asyncio.to_thread(delete_profile, here.store, name, here.clock())


@router.get("/v1/layers/{name}/template.xlsx", response_class=Response, responses=sends(_EXCEL))
def layer_template(here: Here, name: str) -> Response:
    """Return an Excel workbook to fill in and import into the layer."""
    content = template(here.catalogue[name])
    return Response(content, media_type=_EXCEL, headers={"Content-Disposition": f'attachment; filename="{name}.xlsx"'})
