"""Changes one item of a list of mappings in YAML text; every other line, comment and space stays as it was written.

Knows where things stand, not what they mean: the caller must read the result and see that it says what was wanted. What
only a person can change (aliases, odd layouts) may come out wrong, or raises YamlError.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import yaml

from .strict_yaml import YamlError, is_plain_text, read

# What needs no quotes, in block style; inside { } commas and brackets would mean something.
_PLAIN = re.compile(r"[^\W_][\w ./@()?&=%+~:-]*[\w/)]|[^\W_]", re.ASCII | re.IGNORECASE)
_PLAIN_WORDS = re.compile(r"[^\W\d_][^\W_]*(?:[ .-][^\W_]+)*")

type Values = Mapping[str, object]


def with_item(text: str, key: str, values: Values) -> str:
    """The text with one more mapping at the end of the list under the top-level key."""
    items = _List.find(text, key)
    if not items.node.value:
        lines = _block(values, 2)
        return _splice(text, [(items.colon, _end(text, items.node), items.newline + items.newline.join(lines))])
    last = items.node.value[-1]
    if items.node.flow_style:
        return _splice(text, [(_end(text, last), _end(text, last), f", {_flow(values)}")])
    at = _line_end(text, _end(text, last))
    lines = _block(values, items.node.start_mark.column)
    return _splice(text, [(at, at, items.newline + items.newline.join(lines))])


def without_item(text: str, key: str, position: int) -> str:
    """The text without the item at this position of the list."""
    items = _List.find(text, key)
    nodes = items.node.value
    node = nodes[position]
    if items.node.flow_style:
        if position + 1 < len(nodes):
            return _splice(text, [(_start(node), _start(nodes[position + 1]), "")])
        return _splice(text, [(_end(text, nodes[position - 1]) if position else _start(node), _end(text, node), "")])
    edits = [(items.dash(node), _next_line(text, _end(text, node)), "")]
    if len(nodes) == 1:
        edits.append((items.colon, items.colon, " []"))
    return _splice(text, edits)


def with_values(text: str, key: str, position: int, old: Values, new: Values) -> str:
    """The text with the item's `old` values replaced by the `new`: changed, added and taken away where they stand."""
    items = _List.find(text, key)
    node = items.node.value[position]
    pairs = _pairs(text, node)
    if node.flow_style:
        same = {name: text[_start(value) : _end(text, value)] for name, (_, value) in pairs.items() if name in new}
        written = (
            f"{name}: {same[name] if name in same and old.get(name) == new[name] else _scalar(new[name], flow=True)}"
            for name in [*same, *(name for name in new if name not in same)]
        )
        return _splice(text, [(_start(node), _end(text, node), f"{{{', '.join(written)}}}")])
    edits: list[tuple[int, int, str]] = []
    names = list(pairs)
    for name, (_, value) in pairs.items():
        if name not in new:
            edits.append(_removal(text, pairs, names.index(name)))
        elif old.get(name) != new[name]:
            edits.append((_start(value), _end(text, value), _scalar(new[name], flow=False)))
    kept = [value for name, (_, value) in pairs.items() if name in new]
    added = [line for name in new if name not in pairs for line in _lines({name: new[name]}, node.start_mark.column)]
    if added and kept:
        at = _line_end(text, _end(text, kept[-1]))
        edits.append((at, at, items.newline + items.newline.join(added)))
    return _splice(text, edits)


@dataclass(frozen=True, slots=True)
class _List:
    """A list under a top-level key. `colon` is where the text behind the key's colon begins."""

    text: str
    node: yaml.SequenceNode
    colon: int
    newline: str

    @classmethod
    def find(cls, text: str, key: str) -> _List:
        root = read(text).root
        for name, node in root.value if isinstance(root, yaml.MappingNode) else ():
            if isinstance(node, yaml.SequenceNode) and name.value == key and _start(node) > name.end_mark.index:
                colon = text.index(":", name.end_mark.index) + 1
                return cls(text, node, colon, "\r\n" if "\r\n" in text else "\n")
        raise YamlError(f"a list under {key} was expected")

    def dash(self, item: yaml.Node) -> int:
        """Where the line begins that has the item's dash."""
        column = self.node.start_mark.column
        at = _line_start(self.text, _start(item))
        while not (self.text[at : at + column].isspace() or column == 0) or self.text[at + column] != "-":
            if at <= _start(self.node) - column:
                raise YamlError("the item's dash was not found")
            at = _line_start(self.text, at - 1)
        return at


def _pairs(text: str, node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """A mapping's keys and values; YamlError if they do not stand one behind the other, as with aliases."""
    if not isinstance(node, yaml.MappingNode):
        raise YamlError("a mapping was expected")
    at = _start(node)
    pairs = {}
    for key, value in node.value:
        if not at <= _start(key) < key.end_mark.index < _start(value) < _end(text, value):
            raise YamlError("the item is written in a way that only a person can change")
        at = _end(text, value)
        pairs[key.value] = (key, value)
    return pairs


def _removal(text: str, pairs: Mapping[str, tuple[yaml.Node, yaml.Node]], position: int) -> tuple[int, int, str]:
    nodes = list(pairs.values())
    key, value = nodes[position]
    line = _line_start(text, _start(key))
    if text[line : _start(key)].isspace():
        return line, _next_line(text, _end(text, value)), ""
    if position + 1 == len(nodes):
        raise YamlError("the item is written in a way that only a person can change")
    # Behind the dash: the next key moves there.
    return _start(key), _start(nodes[position + 1][0]), ""


def _start(node: yaml.Node) -> int:
    return int(node.start_mark.index)


def _end(text: str, node: yaml.Node) -> int:
    """Where the last character stands, plus one; a block's own mark lies behind the comments that follow."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        # Its mark lies behind the empty lines that follow.
        return len(text[: node.end_mark.index].rstrip())
    return int(node.end_mark.index)


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _line_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in "\r\n":
        at += 1
    return at


def _next_line(text: str, at: int) -> int:
    at = _line_end(text, at)
    return at + (2 if text[at : at + 2] == "\r\n" else 1 if at < len(text) else 0)


def _splice(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    for start, end, written in sorted(edits, reverse=True):
        text = text[:start] + written + text[end:]
    return text


def _lines(values: Values, column: int) -> list[str]:
    return [f"{' ' * column}{name}: {_scalar(value, flow=False)}" for name, value in values.items()]


def _block(values: Values, column: int) -> list[str]:
    first, *others = _lines(values, column + 2)
    return [f"{' ' * column}- {first.lstrip()}", *others]


def _flow(values: Values) -> str:
    return f"{{{', '.join(f'{name}: {_scalar(value, flow=True)}' for name, value in values.items())}}}"


def _scalar(value: object, *, flow: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return _flow(value)
    if isinstance(value, list):
        return f"[{', '.join(_scalar(each, flow=True) for each in value)}]"
    if not isinstance(value, str):
        raise YamlError(f"text, number, date, true or false was expected, not {type(value).__name__}")
    plain = _PLAIN_WORDS.fullmatch(value) or (not flow and ": " not in value and _PLAIN.fullmatch(value))
    if plain and is_plain_text(value):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted)
