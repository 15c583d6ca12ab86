"""Answers of SensorThings: entities with their links, expanded, selected and paged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from api.sta import observed
from api.sta.evaluate import holds
from api.sta.model import KINDS, Model, Node
from api.sta.odata import Options
from gis.errors import BadInput
from twin.event import Event

_IDS = ("id", "@iot.id")


@dataclass(frozen=True, slots=True)
class Scope:
    """A collection of Observations: of these devices and properties."""

    devices: tuple[str, ...]
    names: tuple[str, ...]


Collection = Iterable[Node] | Scope


@dataclass(frozen=True, slots=True)
class Page:
    """Some entities of a collection: whether more follow, and how many there are when asked."""

    nodes: Sequence[Node]
    more: bool
    count: int | None


class Teller:
    """Writes entities as JSON.

    Args:
        model: The twin.
        base: Address of the service's root, without a slash at the end.
    """

    def __init__(self, model: Model, base: str) -> None:
        self._model = model
        self._base = base

    def address(self, node: Node) -> str:
        """Return where an entity is found."""
        quoted = quote(node.id.replace("'", "''"), safe=":@")
        return f"{self._base}/{node.kind}('{quoted}')"

    def find(self, kind: str, name: str) -> Node | None:
        """Return the entity of an id, ``None`` when there is none."""
        return KINDS[kind].find(self._model, name)

    def behind(self, node: Node, name: str) -> Collection:
        """Return what is behind a navigation property.

        Raises:
            BadInput: ``sta.no_link``.
        """
        link = KINDS[node.kind].links.get(name)
        if link is None:
            known = ", ".join(KINDS[node.kind].links)
            raise BadInput("sta.no_link", f"{node.kind} have no {name!r:.40}.", f"Use one of: {known}.")
        if link.kind != "Observations":
            return link.follow(self._model, node)
        if node.kind == "Datastreams":
            return Scope((node.of[0].id,), (node.of[1],))
        return Scope((node.id,), tuple(self._model.properties(self._model.type_of(node.of))))

    def everything(self, kind: str) -> Collection:
        """Return all entities of a kind."""
        if kind != "Observations":
            return KINDS[kind].every(self._model)
        names = {name for one in self._model.here.types.values() for name in self._model.properties(one)}
        return Scope(tuple(self._model.devices), tuple(sorted(names)))

    def page(self, collection: Collection, options: Options) -> Page:
        """Return the entities that are asked for."""
        if isinstance(collection, Scope):
            return self._observations(collection, options)
        condition = options.filter
        chosen = (
            node
            for node in collection
            if condition is None or holds(condition, lambda steps, node=node: self.values(node, steps))  # type: ignore[misc]
        )
        if not options.orderby and not options.count:
            nodes = list(islice(chosen, options.skip, options.skip + options.top + 1))
            return Page(nodes[: options.top], len(nodes) > options.top, None)
        every = list(chosen)
        for path, way in reversed(options.orderby):
            every.sort(key=lambda node, path=path: _key(self.values(node, path.steps)), reverse=way)  # type: ignore[misc]
        page = every[options.skip : options.skip + options.top]
        more = len(every) > options.skip + options.top
        return Page(page, more, len(every) if options.count else None)

    def _observations(self, scope: Scope, options: Options) -> Page:
        if not scope.devices or not scope.names:
            return Page([], more=False, count=0 if options.count else None)
        _, _, rest = observed.bounds(options.filter)

        def asked_for(event: Event) -> bool:
            node = Node("Observations", str(event.seq), event)
            return rest is None or holds(rest, lambda steps: self.values(node, steps))

        found = observed.observations(self._model.here.store, scope.devices, scope.names, options, asked_for)
        return Page([Node("Observations", str(event.seq), event) for event in found.events], found.more, found.count)

    def values(self, node: Node, steps: Sequence[str]) -> list[Any]:
        """Return the values of a path from an entity on; several where it leads through a collection."""
        if not steps or steps[0] in _IDS:
            return [node.id]
        link = KINDS[node.kind].links.get(steps[0])
        if link is not None:
            return [value for one in link.follow(self._model, node) for value in self.values(one, steps[1:])]
        value: Any = KINDS[node.kind].tell(self._model, node)
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        return [value]

    def entity(self, node: Node, options: Options) -> dict[str, Any]:
        """Return one entity with what is expanded.

        Raises:
            BadInput: ``sta.no_property``, ``sta.no_link``.
        """
        kind, address = KINDS[node.kind], self.address(node)
        told = kind.tell(self._model, node)
        for name in options.select:
            if name not in told and name not in kind.links and name not in _IDS:
                known = ", ".join(("id", *told))
                raise BadInput(
                    "sta.no_property",
                    f"{node.kind} have no {name!r:.40}.",
                    f"Use some of: {known}.",
                    parameter="$select",
                )
        wanted = set(options.select) if options.select else {*told, *kind.links, "id"}
        answer: dict[str, Any] = {"@iot.id": node.id, "@iot.selfLink": address} if wanted & {*_IDS, *told} else {}
        answer |= {name: value for name, value in told.items() if name in wanted}
        answer |= {
            f"{name}@iot.navigationLink": f"{address}/{name}"
            for name in kind.links
            if name in wanted and name not in options.expand
        }
        for name, inner in options.expand.items():
            answer |= self._expanded(node, name, inner)
        return answer

    def _expanded(self, node: Node, name: str, options: Options) -> dict[str, Any]:
        collection = self.behind(node, name)
        if not KINDS[node.kind].links[name].many:
            page = self.page(collection, replace(Options(), top=1))
            return {name: self.entity(page.nodes[0], options) if page.nodes else None}
        page = self.page(collection, options)
        answer: dict[str, Any] = {name: [self.entity(one, options) for one in page.nodes]}
        if page.count is not None:
            answer[f"{name}@iot.count"] = page.count
        if page.more:
            answer[f"{name}@iot.nextLink"] = f"{self.address(node)}/{name}?{_on(options)}"
        return answer

    def collection(self, collection: Collection, options: Options, here: str, texts: dict[str, str]) -> dict[str, Any]:
        """Return a page of a collection.

        Args:
            collection: What is paged.
            options: As asked.
            here: Address of the collection.
            texts: The options as they were written, for the next page's address.
        """
        page = self.page(collection, options)
        answer: dict[str, Any] = {} if page.count is None else {"@iot.count": page.count}
        if page.more and options.top:
            following = {**texts, "$skip": str(options.skip + options.top)}
            answer["@iot.nextLink"] = f"{here}?{urlencode(following, safe='$')}"
        return {**answer, "value": [self.entity(node, options) for node in page.nodes]}


def _on(options: Options) -> str:
    return urlencode({"$top": options.top, "$skip": options.skip + options.top}, safe="$")


def _key(found: Sequence[Any]) -> tuple[int, Any]:
    value = found[0] if found else None
    if isinstance(value, bool | int | float):
        return (1, float(value))
    return (2, value) if isinstance(value, str) else (0, 0)
