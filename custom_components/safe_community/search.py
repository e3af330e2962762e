"""Understands what a person looks for: which places, when, what was seen or which incident. Pure.

Nothing that is typed raises; what was not understood is told.
"""

import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cached_property, lru_cache
from typing import Final

from . import search_words as say
from .documents import Span
from .search_spans import read_times
from .search_words import Token

# No person types more.
_MAX_CHARS: Final = 200
_MAX_INCIDENT: Final = 1_000_000
# Words that begin alike may be one; the shortest beginning of a name that is taken for it.
_BUCKET: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A camera or an eldership; `names` are its own one first, then those of what it lies in."""

    key: Hashable
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a search means.

    `places` are those that its words mean, best first; none if none was named. `span` is in UTC and None if no time was
    named; `days` are the local days that it touches. It is `exact` if an hour or a minute was named, not only a day or
    a part of one. `kinds` are those of observations, `incident` its number as people say it, `left_over` the words that
    were not understood, as they were typed.
    """

    places: tuple[Place, ...]
    span: Span | None
    days: tuple[date, ...]
    exact: bool
    kinds: frozenset[str]
    incident: str | None
    left_over: tuple[str, ...]


def understand(query: str, places: Iterable[Place], *, now: datetime, zone: tzinfo) -> Understood:
    """Read what a person typed, in Lithuanian, Latvian or English, with or without diacritics.

    A camera is meant when a word of its own name is there, all cameras of an eldership when only that is named; the
    places that most words fit win. Of days without a year and of times without a day the last that has begun is meant.
    """
    tokens = say.tokens_of(query[:_MAX_CHARS])[:_MAX_CHARS]
    search = _Search(tokens, tuple(places))
    incident, taken = _incident(tokens, now.astimezone(zone).year)
    taken |= search.phrases.keys()
    when = read_times(tokens, taken, now=now, zone=zone, is_bare_hour=False)
    kinds = search.kinds(taken | when.used)
    found, used = search.places(taken | when.used | kinds.keys())
    if kinds or found:
        when = read_times(tokens, taken, now=now, zone=zone, is_bare_hour=True)
    understood = (taken - search.phrases.keys()) | when.used | kinds.keys() | used
    not_understood = (token for at, token in enumerate(tokens) if at not in understood and not say.is_filler(token))
    return Understood(
        places=found,
        span=when.span,
        days=when.days,
        exact=when.is_exact,
        kinds=frozenset[str]().union(*kinds.values()),
        incident=incident,
        left_over=tuple(token.text for token in not_understood),
    )


def _incident(tokens: Sequence[Token], year: int) -> tuple[str | None, frozenset[int]]:
    """Return the number of an incident and the tokens that tell it: 2026-17, or this year's incident 17."""
    for at, token in enumerate(tokens):
        if token.form == "incident":
            before = itertools.takewhile(lambda at: tokens[at].word in say.INCIDENT | say.NUMBER, range(at - 1, -1, -1))
            return "-".join(map(str, token.numbers)), frozenset({at, *before})
        if token.word not in say.INCIDENT:
            continue
        behind = at + 2 if at + 1 < len(tokens) and tokens[at + 1].word in say.NUMBER else at + 1
        if behind < len(tokens) and tokens[behind].form == "number" and 0 < tokens[behind].numbers[0] < _MAX_INCIDENT:
            return f"{year}-{tokens[behind].numbers[0]}", frozenset(range(at, behind + 1))
    return None, frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """The words of a search that are from a place's own name, and those from the names of what it lies in."""

    place: Place
    own: frozenset[int]
    around: frozenset[int]
    whole: frozenset[int]

    @property
    def score(self) -> int:
        # However many words its name has, an eldership is one thing to know of a place.
        return len(self.own - self.around) + bool(self.around)


class _Search:
    """The words of one search beside the names of all places."""

    def __init__(self, tokens: Sequence[Token], places: tuple[Place, ...]) -> None:
        self._tokens = tokens
        self._all = places
        self._words = {at: token.word for at, token in enumerate(tokens) if token.form != "dash"}
        self._names = {name: _words_of(name) for place in places for name in place.names}
        self._own = {place.names[0] for place in places}
        self._around = {name for place in places for name in place.names[1:]}
        self.phrases = self._find_phrases()

    def _find_phrases(self) -> dict[int, set[str]]:
        """Return which words stand side by side as in which names: they are those, whatever else they could mean.

        The street of 11 March, the western street, bus stop 2.
        """
        pairs: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for name, words in self._names.items():
            for one, other in itertools.pairwise(words):
                if not {one, other} <= say.FILLERS:
                    pairs[one[:_BUCKET]].append((one, other, name))
        found: dict[int, set[str]] = defaultdict(set)
        for (at, word), (behind, following) in itertools.pairwise(self._words.items()):
            for one, other, name in pairs.get(word[:_BUCKET], ()):
                if say.same_word(word, one) and say.same_word(following, other):
                    found[at].add(name)
                    found[behind].add(name)
        return dict(found)

    def kinds(self, taken: frozenset[int]) -> dict[int, frozenset[str]]:
        """Return what words mean of observations; a word that a camera is called by is its name."""
        called = {word for name in self._own for word in self._names[name]}
        found = {
            at: say.kinds_of(token.word)
            for at, token in enumerate(self._tokens)
            if token.form == "word" and at not in taken and token.word not in called
        }
        return {at: kinds for at, kinds in found.items() if kinds}

    def places(self, taken: frozenset[int]) -> tuple[tuple[Place, ...], frozenset[int]]:
        """Return the places that the words mean, best first, and the words that say so."""
        words = {
            at: word
            for at, word in self._words.items()
            if at in self.phrases or (at not in taken and self._tokens[at].form == "word" and word not in say.FILLERS)
        }
        hits = self._hits(words)
        fits = [self._fit(place, hits, words) for place in self._all]
        elderships = frozenset[int]().union(*(fit.around for fit in fits))
        if elderships:
            # Elsewhere nothing is meant, unless it is called by the eldership's name.
            fits = [fit for fit in fits if not elderships.isdisjoint(fit.own | fit.around)]
        most = max((fit.score for fit in fits), default=0)
        best = [fit for fit in fits if fit.score == most > 0]
        best.sort(key=lambda fit: (len(fit.whole), len(fit.own)), reverse=True)
        return tuple(fit.place for fit in best), frozenset[int]().union(*(fit.own | fit.around for fit in best))

    def _fit(self, place: Place, hits: Mapping[str, frozenset[int]], words: Mapping[int, str]) -> _Fit:
        name, *others = place.names
        return _Fit(
            place=place,
            own=hits[name],
            around=frozenset[int]().union(*(self._around_hits(other, hits, words) for other in others)),
            whole=frozenset(at for at in hits[name] if words[at] in self._names[name]),
        )

    def _around_hits(self, name: str, hits: Mapping[str, frozenset[int]], words: Mapping[int, str]) -> frozenset[int]:
        """Return the words of an eldership's name; one that is the whole name of another is not of this."""
        known = self._names[name]
        return frozenset(at for at in hits[name] if words[at] in known or words[at] not in self._whole_around)

    @cached_property
    def _whole_around(self) -> frozenset[str]:
        return frozenset(word for name in self._around for word in self._names[name])

    def _hits(self, words: Mapping[int, str]) -> dict[str, frozenset[int]]:
        """Return which words are from each name: in whatever form, in another language, or only their beginning."""
        buckets: dict[str, list[int]] = defaultdict(list)
        for at, word in words.items():
            buckets[word[:_BUCKET]].append(at)
        common: dict[int, set[int]] = defaultdict(set)
        numbered = list(words.items())
        for start, length, kind in say.same_places(tuple(words.values())):
            common[kind].update(at for at, _ in numbered[start : start + length])
        hits: dict[str, set[int]] = {}
        for name, known in self._names.items():
            hits[name] = {at for at, names in self.phrases.items() if name in names}
            hits[name].update(*(common.get(kind, ()) for kind in _common_of(known)))
            for word in known:
                if not _is_telling(word):
                    continue
                hits[name].update(at for at in buckets.get(word[:_BUCKET], ()) if say.same_word(words[at], word))
        known_words = set[int]().union(*hits.values())
        for at in words.keys() - known_words:
            if len(words[at]) >= _BUCKET:
                for name, known in self._names.items():
                    if any(word.startswith(words[at]) for word in known):
                        hits[name].add(at)
        return {name: frozenset(found) for name, found in hits.items()}


@lru_cache(maxsize=4096)
def _words_of(name: str) -> say.Phrase:
    return tuple(token.word for token in say.tokens_of(name) if token.form != "dash")


@lru_cache(maxsize=4096)
def _common_of(words: say.Phrase) -> frozenset[int]:
    return frozenset(kind for _, _, kind in say.same_places(words))


def _is_telling(word: str) -> bool:
    return word not in say.FILLERS and not word.isdecimal()
