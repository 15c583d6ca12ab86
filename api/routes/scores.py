"""How healthy buildings are, and what each missing point needs."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as Parameter

from api.answers import tells
from api.answers.places import HealthScore, HealthScores
from api.finding import find_place
from api.scores import scores, summary
from api.view import Seen
from gis.errors import NotFound
from twin.spacecode import building_of

router = APIRouter(tags=["places"])


@router.get("/v1/places/{code}/health", responses=tells(HealthScore))
def health(seen: Seen, code: str) -> dict[str, Any]:
    """Return the health score (0 to 100) of the building that the code names or lies in, each loss with its cure."""
    key = building_of(find_place(seen, code).id)
    found = scores(seen.find, seen.here.store, building=key, at=seen.at, known_at=seen.known_at)
    if not found:
        raise NotFound(
            "place.unknown", f"There is no building {key!r}.", "Search with /v1/search?q=.", parameter="code"
        )
    return found[0].as_json()


@router.get("/v1/health-scores", responses=tells(HealthScores))
def health_scores(
    seen: Seen,
    community: Annotated[str | None, Parameter(description="Only buildings of this community.")] = None,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Return the buildings with their scores and losses, the worst first, and how many there are."""
    found = scores(seen.find, seen.here.store, community, at=seen.at, known_at=seen.known_at)
    return {**summary(found), "scores": [one.as_json() for one in found[:limit]]}
