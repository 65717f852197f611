"""A YAML text as plain values, together with the line where each of them stands.

Keys given twice and aliases, which can explode in size, are refused. What the values mean is the
business of `schema`.
"""

from typing import Any, Final

import yaml

Where = tuple[str | int, ...]

# The deepest profile nests ten levels; a hundred are another kind of file.
DEEPEST: Final = 100


class DocumentError(ValueError):
    """A text that is not YAML of the plain kind. line: counted from 1, where it is known."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


def read_document(text: str) -> tuple[Any, dict[Where, int]]:
    """Values of `text`, and the line (from 1) of each field by its path; raises DocumentError."""
    try:
        loader = _PlainLoader(text)
        node = loader.get_single_node()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None)
        raise DocumentError(
            str(problem or "it is not valid YAML"), None if mark is None else mark.line + 1
        ) from None
    lines: dict[Where, int] = {}
    return (None if node is None else _value(loader, node, (), lines)), lines


def _value(loader: "_PlainLoader", node: yaml.Node, where: Where, lines: dict[Where, int]) -> Any:
    lines.setdefault(where, node.start_mark.line + 1)
    if len(where) > DEEPEST:
        raise DocumentError("it is nested too deeply", node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(loader, item, (*where, index), lines) for index, item in enumerate(node.value)
        ]
    if isinstance(node, yaml.MappingNode):
        values: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = _scalar(loader, key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str | int | float):
                raise DocumentError("a field name must be text or a number", line)
            if key in values:
                raise DocumentError(f"the field {key!r} is given twice", line)
            path = (*where, key if isinstance(key, str | int) else str(key))
            lines[path] = line
            values[key] = _value(loader, value_node, path, lines)
        return values
    return _scalar(loader, node)


def _scalar(loader: "_PlainLoader", node: yaml.Node) -> Any:
    try:
        return loader.construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        problem = getattr(error, "problem", None) or str(error)
        raise DocumentError(str(problem), node.start_mark.line + 1) from None


class _PlainLoader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        return super().compose_node(parent, index)
