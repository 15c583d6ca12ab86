"""Collects what is odd about a model while its places are drawn."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bim_import.model import Notice

NAMED = 50
"""So many things a notice names; of more, the first will do."""


@dataclass(slots=True)
class Notices:
    """Collects notices; those of one code become one that counts them and names the first thing."""

    found: dict[str, list[tuple[str, str, str | None]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, code: str, message: str, cure: str = "", thing: Any = None) -> None:
        """Note one case; ``message`` speaks of the kind of case, not of this one."""
        self.found[code].append((message, cure, None if thing is None else thing.GlobalId))

    def listed(self) -> Iterator[Notice]:
        """Yield one notice a code."""
        for code, cases in self.found.items():
            message, cure, global_id = cases[0]
            named = tuple(case[2] for case in cases[:NAMED] if case[2] is not None)
            yield Notice(code=code, message=message, cure=cure, global_id=global_id, count=len(cases), global_ids=named)
