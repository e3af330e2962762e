"""Knows the words that people search with, in Lithuanian, Latvian and English, whatever their ending. Pure.

All words stand here as `fold` makes them: small, without diacritics. One that ends in ~ takes any ending of `ENDINGS`.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

# The shortest stem that two different words may have in common and be taken for one.
_STEM: Final = 4
_MARK: Final = "~"
# Common names are kept by their first letters.
_KEY: Final = 3


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Of nouns and names, in all cases; Lithuanian, Latvian and English.
ENDINGS: Final = _words("""
    a ai ais am ams as au aus e ei ej eje em ems es ese i iai iais iam iams ias ie iem iems ies ii im imi imis ims
    io ioje ios is iu iui iumi iums iuos iuose ius ja jai jam jas ji jiem jos ju jus o oj oje om omis oms os ose s u
    ui uj uje umi ums uo uos uose us y yj yje ys yse
""") | {""}

TODAY: Final = _words("siandien siandiena sodien today")
YESTERDAY: Final = _words("vakar yesterday")
BEFORE_YESTERDAY: Final = _words("uzvakar aizvakar")
DAYS: Final = _words("days day dienas dienu diena dienam")
AGO: Final = _words("ago")
BACK: Final = _words("pries pirms")
LAST: Final = _words("last praeita praeitaja praejusi praejusia praejusiaja pagajuso pagajusaja pagajusa past")
# Words that tell nothing within a day or an hour: those beside them are read as if side by side.
SILENT: Final = _words("""
    m g men menesio metu metai gada of the on th i
""")
FILLERS: Final = _words("""
    d diena dienos dienai dienoje in at by near me show find was were what happened when where who a an and with for
    out away light around about this picture image view camera cameras recording recordings video footage wrong any
    please is ir prie ties uz ant per apie kas ka kur kada buvo ivyko atsitiko rodyk parodyk rask surask noriu
    vaizdas vaizda vaizdo kamera kameros kameroje kameru irasas irasai irasa iraso irasus nera sviesos neteisingas
    pas po pro si sia siaja su un pie ap pa kads notika radi paradi atrodi skats skata skatu attels attela
    attelu kameras kamerai ieraksts ieraksti ierakstu nav gaismas nepareizs so saja sonakt laika seniunija
    seniunijos seniunijoje pagasts pagasta pagastu eldership elderships nuo iki tarp from to between since till
    until after before no lidz starp pec pirms pries last praeita praeitaja praejusi praejusia praejusiaja pagajuso
    pagajusaja pagajusa past val valanda valandos valandai plkst pulksten oclock
""")
# Words for a number that is an hour: behind it, before it.
HOUR_AFTER: Final = _words("val valanda valandos valandai v h oclock")
HOUR_BEFORE: Final = _words("plkst pulksten at valanda")
IN_DAYTIME: Final = _words("dienos diena")
# Numbers of these are spans of time, not hours.
LENGTHS: Final = _words("""
    valandas valandu valandoms hours hour stundas stundu stundam stunda min minutes minuciu minutem mins minute days
    dienas dienu dienam weeks week savaites savaiciu nedelas nedelam months menesius menesiu menesiem years metus
""")
ORDINALS: Final = _words("st nd rd th d a aja ajai ajam ji oji osios ios ojo iojo os diena dien")
INCIDENT: Final = _words(
    "incident incidentas incidento incidenta incidents incidenti ivykis ivykio ivyki notikums notikumu"
)
NUMBER: Final = _words("nr numeris no number numurs")

FROM: Final = _words("nuo no from since after po pec between tarp starp")
BETWEEN: Final = _words("between tarp starp")
AND: Final = _words("and ir un")
TO: Final = _words("iki lidz to till until before pries pirms")
MERIDIEMS: Final = _words("am pm")

MORNING: Final = (6, 12)
AFTERNOON: Final = (12, 18)
EVENING: Final = (18, 24)
NIGHT: Final = (22, 30)
# Hours from the day's midnight; night and midnight end on the day after.
PARTS: Final[Mapping[str, tuple[int, int]]] = {
    word: hours
    for words, hours in (
        ("rytas ryte ryto ryta rytais siryt rits rita ritos ritu sorit morning mornings", MORNING),
        (
            "popiet popiete popietes popieti pietu pecpusdiena pecpusdienas pusdienam afternoon",
            AFTERNOON,
        ),
        ("vakaras vakare vakaro vakara vakarais sivakar vakars vakaros sovakar evening evenings", EVENING),
        ("naktis nakti nakties naktimis nakcia sianakt nakts sonakt night nights tonight overnight", NIGHT),
        ("paryciais paryciui ausra ausros ausrai rytausma dawn", (3, 7)),
        ("vidurdienis vidurdieni pusiaudienis pusiaudieni pusdienlaika pusdienlaiks noon midday", (12, 13)),
        ("vidurnaktis vidurnakti pusiaunaktis pusiaunakti pusnakts pusnakti midnight", (23, 25)),
    )
    for word in words.split()
}
# Parts that are today's by themselves.
TODAYS: Final = _words("siryt sorit sivakar sovakar")

WEEKDAYS: Final[Mapping[str, int]] = {
    word: weekday
    for weekday, words in enumerate(
        (
            "monday mondays mon pirmadien~ pirmdien pirmdien~",
            "tuesday tuesdays tue tues antradien~ otrdien otrdien~",
            "wednesday wednesdays wed treciadien~ tresdien tresdien~",
            "thursday thursdays thu thur thurs ketvirtadien~ ceturtdien ceturtdien~",
            "friday fridays fri penktadien~ piektdien piektdien~",
            "saturday saturdays sat sestadien~ sestdien sestdien~",
            "sunday sundays sun sekmadien~ svetdien svetdien~",
        )
    )
    for word in words.split()
}

# Lithuanian ones stand before the day's number.
LITHUANIAN_MONTHS: Final[Mapping[str, int]] = {
    word: month
    for month, words in enumerate(
        (
            "saus~",
            "vasar~",
            "kov~",
            "baland~ balandz~",
            "geguz~",
            "birzel~",
            "liep~",
            "rugpjut~ rugpjuc~",
            "rugsej~",
            "spal~",
            "lapkrit~ lapkric~",
            "gruod~ gruodz~",
        ),
        start=1,
    )
    for word in words.split()
}
MONTHS: Final[Mapping[str, int]] = dict(LITHUANIAN_MONTHS) | {
    word: month
    for month, words in enumerate(
        (
            "january jan janvar~",
            "february feb februar~",
            "march mar mart~",
            "april apr april~",
            "may maij~",
            "june jun junij~",
            "july jul julij~",
            "august aug august~",
            "september sep sept septembr~",
            "october oct oktobr~ okt",
            "november nov novembr~",
            "december dec decembr~",
        ),
        start=1,
    )
    for word in words.split()
}

MOTION: Final = frozenset({"motion"})
# The ways in which a camera cannot see; all of them are tampering.
TAMPERING: Final = _words("covered defocused moved frozen dark blinded no_signal clock_wrong")
# Beginnings of words.
KINDS: Final[Mapping[str, frozenset[str]]] = {
    beginning: kinds
    for beginnings, kinds in (
        ("judes judej juda kustib kustej kustes motion movement moving", MOTION),
        ("tamper sabot trikd bojas bojat gadin", TAMPERING),
        ("cover uzdeng uzdang uzklij aizseg aizklat", frozenset({"covered"})),
        ("defocus focus blurr nerysk nefokus neskaidr izplud", frozenset({"defocused"})),
        ("moved turned pasukt pasuko pajudin nusukt pagriez pakustin", frozenset({"moved"})),
        ("froze freez susting uzsal sasting sastind iesald", frozenset({"frozen"})),
        ("dark tams tumss tumsa tumss", frozenset({"dark"})),
        ("blinded blinding dazzl glare apakin apzilb", frozenset({"blinded"})),
        ("signal nosignal", frozenset({"no_signal"})),
        ("clock laikrod pulksten", frozenset({"clock_wrong"})),
    )
    for beginning in beginnings.split()
}
# The longest ending that a word may have behind such a beginning.
_KIND_ENDING: Final = 6

# What people call the same place, a line each (what is set in goes on); words of a phrase are divided by _.
_SAME_PLACES: Final = """
    stotele autobusu_stotele autobuso_stotele pietura autobusa_pietura autobusu_pietura bus_stop stop
    stotis autobusu_stotis gelezinkelio_stotis stacija dzelzcela_stacija autoosta station bus_station
        railway_station
    autobusas autobusu autobuss autobusa bus buses
    konteineriai konteineriu_aikstele konteineri konteineru_laukums atkritumu_laukums container container_site
        container_yard bins waste_site
    mokykla gimnazija progimnazija skola gimnazija vidusskola school high_school
    darzelis vaiku_darzelis bernudarzs kindergarten nursery
    kulturos_namai kulturos_centras kulturas_nams tautas_nams culture_house culture_centre culture_center
        cultural_centre cultural_center house_of_culture culture
    bendruomenes_namai bendruomene kopienas_nams kopiena community_centre community_center community_house
        community
    biblioteka bibliotekos library
    parduotuve krautuve veikals shop store supermarket grocery
    turgus turgaviete tirgus market
    kapines kapinaites kapi kapos kapu kapiem kapseta cemetery graveyard churchyard
    baznycia baznica church chapel koplycia kapela
    zaidimu_aikstele vaiku_aikstele rotalu_laukums spelu_laukums bernu_laukums playground
    aikste miestelio_aikste miesto_aikste laukums pilsetas_laukums town_square market_square square plaza
    stadionas stadions stadium sports_ground sports_field sporto_aikstele sporta_laukums
    parkas park parks
    stovejimo_aikstele automobiliu_aikstele stavlaukums autostavvieta stavvieta parking car_park parking_lot
    degaline degvielas_uzpildes_stacija degvielas_stacija petrol_station gas_station fuel_station
    tiltas tilts bridge
    upe upes upeje upei upi upem river
    ezeras ezers lake
    papludimys pludmale beach
    gatve g iela street
    kelias cels cela celu road
    sankryza krustojums crossroads junction intersection
    centras centrs centre center
    kiemas pagalms yard courtyard
    vartai varti gate gates
    iejimas ieeja entrance
    dvaras muiza manor
    pilis pils pili castle
    paminklas piemineklis monument
    savivaldybe pasvaldiba municipality town_hall
    policija police police_station
    gaisrine ugniagesiai ugunsdzeseji ugunsdzeseju_depo fire_station
    pastas posta pasts post_office
    ligonine slimnica hospital
    vaistine aptieka pharmacy chemist
    miskas mezs forest
    namai namas namuose namu nams nama house
"""

type Phrase = tuple[str, ...]

# What stands in a search: a day or a number by its form, a month that could be a time (odd), else a word.
_TOKEN: Final = re.compile(
    r"""
      (?P<iso>[0-9]{4}(?:-[0-9]{1,2}-[0-9]{1,2}|\.[0-9]{1,2}\.[0-9]{1,2}|/[0-9]{1,2}/[0-9]{1,2})(?![0-9]))(?:t(?=[0-9]))?
    | (?P<incident>20[0-9]{2}-[1-9][0-9]{0,5})(?![0-9]|-[0-9]|:[0-9])
    | (?P<odd>[0-9]{4}-[0-9]+)
    | (?P<clock>[0-9]{1,2}:[0-9]{2})(?::[0-9]{2})?(?![0-9:])
    | (?P<date>[0-9]{1,2}
        (?:\.\ ?[0-9]{1,2}\.(?:\ ?[0-9]{4}|[0-9]{2})?|\.[0-9]{1,2}|/[0-9]{1,2}(?:/(?:[0-9]{4}|[0-9]{2}))?)(?![0-9]))
    | (?P<number>[0-9]+)(?:(?:-?|\ (?=d\b|dien[aąā]\b))(?P<suffix>[^\W0-9_]{1,6})(?![^\W_]))?
    | (?P<dash>-)
    | (?P<word>(?:[ap]\.m\b\.?|o['’`]clock\b|(?:[^\W0-9_]|[\u0300-\u036f])+))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―−~"), "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A word or number of a search: as typed, folded, its form, the numbers in it, the letters behind a number."""

    text: str
    word: str
    form: str
    numbers: tuple[int, ...] = ()
    suffix: str = ""


def tokens_of(text: str) -> list[Token]:
    """Take a text apart."""
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES)
    return [_token(found) for found in _TOKEN.finditer(plain)]


def _token(found: re.Match[str]) -> Token:
    form = found.lastgroup or ""
    suffix = fold(found["suffix"] or "")
    if suffix:
        form = "number"
    text = found[form]
    word = fold(text) if form != "word" else re.sub(r"[^\w]", "", fold(text))
    numbers = () if form in ("word", "dash") else tuple(int(digits) for digits in re.findall("[0-9]+", text))
    return Token(text=found[0].strip(), word=word, form=form, numbers=numbers, suffix=suffix)


def fold(text: str) -> str:
    """Return a text small and without diacritics: Pabiržė and PABIRŽĖ are pabirze."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))


@lru_cache(maxsize=4096)
def same_word(one: str, other: str) -> bool:
    """Say whether two folded words are forms of one: stotele and stoteleje, but not aikste and aikstele."""
    if one == other:
        return True
    shared = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    if shared is None:
        shared = min(len(one), len(other))
    return any(one[stem:] in ENDINGS and other[stem:] in ENDINGS for stem in range(_STEM, shared + 1))


def value_of[T](word: str, table: Mapping[str, T]) -> T | None:
    """Return what a table says of a word; one of its words that ends in ~ takes any ending."""
    if word in table:
        return table[word]
    stems = (stem for stem in range(len(word), 2, -1) if word[stem:] in ENDINGS)
    return next((table[word[:stem] + _MARK] for stem in stems if word[:stem] + _MARK in table), None)


def is_filler(token: Token) -> bool:
    """Say whether a word tells nothing that is looked for, and need not be understood."""
    return token.form == "dash" or (token.form == "word" and token.word in FILLERS | SILENT)


def kinds_of(word: str) -> frozenset[str]:
    """Return the kinds of observations that a word means."""
    lengths = range(max(0, len(word) - _KIND_ENDING), len(word) + 1)
    return next((KINDS[word[:length]] for length in reversed(lengths) if word[:length] in KINDS), frozenset())


def same_places(words: Phrase) -> list[tuple[int, int, int]]:
    """Return where a text calls a place by a common name: (first word, number of words, which place).

    Behind the longest name at a word it goes on; places are the same if their numbers are.
    """
    found: list[tuple[int, int, int]] = []
    at = 0
    while at < len(words):
        named = [
            (len(phrase), place)
            for phrase, place in _COMMON.get(words[at][:_KEY], ())
            if len(phrase) <= len(words) - at and all(map(same_word, phrase, words[at:], strict=False))
        ]
        longest = max((length for length, _ in named), default=0)
        found += [(at, length, place) for length, place in set(named)]
        at += max(longest, 1)
    return found


def _common() -> dict[str, list[tuple[Phrase, int]]]:
    table: dict[str, list[tuple[Phrase, int]]] = {}
    for place, line in enumerate(_SAME_PLACES.replace("\n        ", " ").strip().splitlines()):
        for name in line.split():
            phrase = tuple(name.split("_"))
            table.setdefault(phrase[0][:_KEY], []).append((phrase, place))
    return table


_COMMON: Final = _common()
