"""YAML as the house reads it: a key written twice is a mistake, not a correction."""

from collections.abc import Hashable
from typing import Any

import yaml

from gis.errors import BadInput


class _StrictLoader(yaml.CSafeLoader):  # libyaml: a quarter of a second less at every start
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [str(key) for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(problem=f"key {twice[0]!r} twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str, where: str) -> Any:
    r"""Return what a YAML document holds.

    Raises:
        BadInput: ``layer.bad_yaml`` with file and line.

    >>> parse_yaml("a: 1", "x.yaml"), parse_yaml("", "x.yaml")
    ({'a': 1}, None)
    >>> parse_yaml("a: 1\na: 2", "x.yaml")
    Traceback (most recent call last):
        ...
    gis.errors.BadInput: layer.bad_yaml: x.yaml, line 1: key 'a' twice. Mend the YAML.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadInput(
            "layer.bad_yaml", f"{where}, line {line}: {error.problem}.", "Mend the YAML.", file=where, line=line
        ) from error
