"""YAML as people write it by hand, read strictly: what is ambiguous or malicious is refused, with line and column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import yaml

LONGEST_BYTES = 1_000_000
# What a file may grow to when its aliases are written out, and how deep lists and mappings may nest.
_MOST_NODES = 100_000
_DEEPEST = 50

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_PLAIN = frozenset(f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp"))
_BYTE_ORDER_MARK = "\ufeff"

type Path = Sequence[str | int]


class YamlError(ValueError):
    """The text is not such YAML. `line` and `column` count from 1; 0 where there is no place to name."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a file, made of dict, list, str, int, float, bool, date, datetime and None, and where it stands."""

    data: object
    root: yaml.Node | None = field(repr=False)

    def mapping_at(self, path: Path) -> dict[str, object]:
        """The mapping that the path leads to, empty if there is none."""
        found = self.data
        for part in path:
            if isinstance(found, dict) and isinstance(part, str):
                found = found.get(part)
            elif isinstance(found, list) and isinstance(part, int) and part < len(found):
                found = found[part]
            else:
                return {}
        return found if isinstance(found, dict) else {}

    def position(self, path: Path, *, of_key: bool = False) -> tuple[int, int]:
        """Line and column of what the path leads to (or of its key); of the nearest node above, if it leads nowhere."""
        found = node = self.root
        for part in path:
            found, node = _step(node, part, of_key=of_key) or (found, None)
            if node is None:
                break
        return (0, 0) if found is None else _place(found.start_mark)


def decode(data: bytes) -> str:
    """A file's text: UTF-8, with or without byte order mark. Raises YamlError."""
    if len(data) > LONGEST_BYTES:
        raise YamlError(f"the file is too large: at most {LONGEST_BYTES} bytes were expected")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise YamlError("the file is UTF-16; save it as UTF-8", 1, 1)
    try:
        return data.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
        reason = f"byte 0x{data[error.start]:02X} is not UTF-8; save the file as UTF-8"
        raise YamlError(reason, *_end_of(before)) from error


def read(text: str) -> Document:
    """Parses one YAML document. Keys must be text, none twice. Raises YamlError and nothing else."""
    text = text.removeprefix(_BYTE_ORDER_MARK)
    loader = None
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is not None:
            _count(root, {}, 0)
        return Document(None if root is None else _construct(root, loader), root)
    except yaml.reader.ReaderError as error:
        at = error.position if isinstance(error.position, int) else 0
        character = ord(text[at]) if at < len(text) else 0
        raise YamlError(f"the character U+{character:04X} must not stand here", *_end_of(text[:at])) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(_told(error, text), *(_place(mark) if mark else (0, 0))) from error
    except yaml.YAMLError as error:
        raise YamlError("not YAML") from error
    except RecursionError as error:
        raise YamlError("lists and mappings are nested too deeply") from error
    finally:
        if loader is not None:
            loader.dispose()


def is_plain_text(value: str) -> bool:
    """True if YAML 1.1 takes this for text, rather than for a number, a date, yes or no, without quotes."""
    try:
        return read(value).data == value
    except YamlError:
        return False


def _told(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    if mark is not None and text[mark.index : mark.index + 1] == "\t":
        return "a tab stands where spaces were expected; indent with spaces"
    context = f"{error.context}, " if error.context else ""
    return f"{context}{error.problem or 'not YAML'}"


def _place(mark: yaml.Mark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _end_of(text: str) -> tuple[int, int]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return len(lines), len(lines[-1]) + 1


def _step(node: yaml.Node | None, part: str | int, *, of_key: bool) -> tuple[yaml.Node, yaml.Node] | None:
    """The node to point at, and the node to go on from."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == part:
                return (key if of_key else value), value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _count(node: yaml.Node, counts: dict[int, int | None], depth: int) -> int:
    """How many nodes there are below a node when its aliases are written out. Raises YamlError for too many."""
    if depth > _DEEPEST:
        raise YamlError("lists and mappings are nested too deeply", *_place(node.start_mark))
    if id(node) in counts:
        known = counts[id(node)]
        if known is None:
            raise YamlError("an alias must not contain itself", *_place(node.start_mark))
        return known
    counts[id(node)] = None
    total = 1
    if isinstance(node, yaml.CollectionNode):
        for item in node.value:
            total += sum(_count(child, counts, depth + 1) for child in (item if isinstance(item, tuple) else (item,)))
    if total > _MOST_NODES:
        raise YamlError("the file is too large when its aliases are written out", *_place(node.start_mark))
    counts[id(node)] = total
    return total


def _construct(node: yaml.Node, loader: yaml.SafeLoader) -> object:
    if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
        return _mapping(node, loader)
    if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
        return [_construct(item, loader) for item in node.value]
    if not isinstance(node, yaml.ScalarNode) or node.tag not in _PLAIN:
        tag = node.tag.replace(_TAG, "!!")
        raise YamlError(f"text, number, date, list or mapping was expected, not {tag[:40]}", *_place(node.start_mark))
    try:
        value: object = loader.construct_object(node)
    except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
        kind = node.tag.removeprefix(_TAG)
        raise YamlError(f"this is not a valid {kind}; text needs quotes", *_place(node.start_mark)) from error
    return value


def _mapping(node: yaml.MappingNode, loader: yaml.SafeLoader) -> dict[str, object]:
    own: dict[str, object] = {}
    merged: dict[str, object] = {}
    for key, value in node.value:
        if key.tag == _MERGE:
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in sources:
                taken = _construct(source, loader)
                if not isinstance(taken, Mapping):
                    raise YamlError("<< was expected to name mappings", *_place(value.start_mark))
                merged = {**taken, **merged}
            continue
        name = _construct(key, loader) if isinstance(key, yaml.ScalarNode) else None
        if not isinstance(name, str):
            raise YamlError("a key was expected to be text", *_place(key.start_mark))
        if name in own:
            raise YamlError(f"the key {name[:40]} is there twice", *_place(key.start_mark))
        own[name] = _construct(value, loader)
    return {**merged, **own}
