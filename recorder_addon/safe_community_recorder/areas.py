"""Areas of a picture that people name: polygons in relative coordinates, and what makes one. Pure."""

from collections.abc import Sequence
from itertools import combinations, pairwise

MOST_POINTS = 32
_LEAST_POINTS = 3
# Of the picture: less is a slip of the hand, not a place.
_LEAST_SHARE = 0.0005

type Point = tuple[float, float]
type Area = tuple[Point, ...]


class AreaError(ValueError):
    """These points enclose nothing. `point` is which one is wrong, None if it is all of them together."""

    def __init__(self, reason: str, point: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.point = point


def area_of(points: Sequence[tuple[float, float]]) -> Area:
    """The polygon with these corners: x from 0 (left) to 1, y from 0 (top) to 1. Raises AreaError."""
    if not _LEAST_POINTS <= len(points) <= MOST_POINTS:
        raise AreaError(f"{_LEAST_POINTS} to {MOST_POINTS} points were expected")
    for number, (x, y) in enumerate(points):
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise AreaError("x and y from 0 (left, top) to 1 were expected", number)
        if (x, y) in points[:number]:
            again = "; the first need not be repeated at the end" if number == len(points) - 1 else ""
            raise AreaError(f"this point is there twice{again}", number)
    area = tuple((float(x), float(y)) for x, y in points)
    edges = list(pairwise([*area, area[0]]))
    for (first, one), (second, other) in combinations(enumerate(edges), 2):
        neighbours = second - first in (1, len(edges) - 1)
        if _fold_back(one, other, second - first == 1) if neighbours else _meet(*one, *other):
            raise AreaError("the lines between these points cross or touch each other; name the corners in turn", None)
    if abs(sum(_cross((0.0, 0.0), *edge) for edge in edges)) / 2 < _LEAST_SHARE:
        raise AreaError("these points enclose next to nothing")
    return area


def _cross(origin: Point, one: Point, other: Point) -> float:
    """Twice the area of the triangle, positive where its corners go one way round, negative the other."""
    return (one[0] - origin[0]) * (other[1] - origin[1]) - (one[1] - origin[1]) * (other[0] - origin[0])


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the lines from a to b and from c to d have a point in common."""
    sides = _cross(a, b, c), _cross(a, b, d), _cross(c, d, a), _cross(c, d, b)
    if sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(side == 0 and _between(*end) for side, end in zip(sides, ends, strict=True))


def _between(a: Point, b: Point, point: Point) -> bool:
    """Whether a point of the endless line through a and b lies between them."""
    return min(a[0], b[0]) <= point[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= point[1] <= max(a[1], b[1])


def _fold_back(one: tuple[Point, Point], other: tuple[Point, Point], in_turn: bool) -> bool:
    """Whether of two edges with a common corner one lies on the other."""
    (before, corner), (_, after) = (one, other) if in_turn else (other, one)
    return _cross(before, corner, after) == 0 and (_between(before, corner, after) or _between(corner, after, before))
