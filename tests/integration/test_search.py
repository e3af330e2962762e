"""What people type to find a place, a kind of observation or an incident: in three languages, diacritics or not."""

import json
import random
import time
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from custom_components.safe_community.search import Place
from custom_components.safe_community.search_words import TAMPERING, fold, same_word
from demo.village import ELDERSHIPS
from tests.integration.searching import CAMERAS, ask, in_town, keys, local
from tests.integration.test_texts import INTEGRATION

STOPS = {camera.key for camera in CAMERAS if camera.names[0] == "Autobusų stotelė"}
CEMETERIES = {camera.key for camera in CAMERAS if camera.names[0] == "Kapinės"}
WORDS = """
    stotelė Vabalninke bus stop pietura vakar yesterday šiąnakt naktį rītā vakarā penktadienį otrdien lapkričio Nov
    novembrī 20 22 02 22:13 22.00 22-02 20.11. 20/11 2026-11-20 2026-17 nuo iki no līdz tarp ir from to - – pm am
    val. plkst. judesys dark uždengta incident last prieš 2 dienas ago 0 24 31 9999 d. 29 Feb
"""
TYPED = st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join)
PLACES = {
    "stotelė": STOPS,
    "stotelėje": STOPS,
    "stotelėj": STOPS,
    "AUTOBUSŲ STOTELĖ": STOPS,
    "bus stop": STOPS,
    "bus": STOPS,
    "pieturā": STOPS,
    "autobusa pietura": STOPS,
    "stot": STOPS,
    "kapinėse": CEMETERIES,
    "cemetery": CEMETERIES,
    "kapos": CEMETERIES,
    "mokykloje": {"vabalninkas-mokykla", "papilys-mokykla"},
    "school": {"vabalninkas-mokykla", "papilys-mokykla"},
    "skolā": {"vabalninkas-mokykla", "papilys-mokykla"},
    "bibliotēka": {"papilys-biblioteka", "rinkuskiai-biblioteka"},
    "library": {"papilys-biblioteka", "rinkuskiai-biblioteka"},
    "veikals": {"pabirze-parduotuve"},
    "shop": {"pabirze-parduotuve"},
    "aikštėje": {"vabalninkas-aikste"},
    "square": {"vabalninkas-aikste"},
    "playground": {"paroveja-zaidimu-aikstele", "pabirze-zaidimu-aikstele"},
    "rotaļu laukums": {"paroveja-zaidimu-aikstele", "pabirze-zaidimu-aikstele"},
    "container site Parovėja": {"paroveja-konteineriai"},
    "konteineru laukums Rinkuškiuose": {"rinkuskiai-konteineriai"},
    "stadium": {"rinkuskiai-stadionas"},
    "house of culture Pačeriaukštėje": {"paceriaukste-kulturos-namai"},
    "kultūras nams Parovėja": {"paroveja-kulturos-namai"},
    "Pabirze": in_town("pabirze"),
    "Pabiržėje": in_town("pabirze"),
    "Vabalninke": in_town("vabalninkas"),
    "Papilio seniūnija": in_town("papilys"),
    "Nemunėlio Radviliškyje": in_town("nemunelio-radviliskis"),
    "Radviliškis": in_town("nemunelio-radviliskis"),
    "Vabalninkas Papilys": in_town("vabalninkas", "papilys"),
    "Vabalninkas, Nemunėlio Radviliškis": in_town("vabalninkas", "nemunelio-radviliskis"),
    "stotelė Vabalninkas": {"vabalninkas-stotele"},
    "stotelė Vabalninkas Papilys": {"vabalninkas-stotele", "papilys-stotele"},
    "Nemunėlio Radviliškio kapinės": {"nemunelio-radviliskis-kapines"},
}


@pytest.mark.parametrize(("query", "expected"), PLACES.items())
def test_places_are_understood(query: str, expected: set[str]) -> None:
    understood = ask(query)
    assert keys(understood) == expected
    assert understood.left_over == ()
    assert understood.span is None


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: str(camera.key))
def test_a_camera_s_names_mean_it_and_no_other(camera: Place) -> None:
    for typed in (" ".join(camera.names), fold(" ".join(reversed(camera.names))), ", ".join(camera.names).upper()):
        assert keys(ask(typed)) == {camera.key}


@pytest.mark.parametrize("word", sorted({word for camera in CAMERAS for name in camera.names for word in name.split()}))
def test_a_whole_word_means_no_place_without_it(word: str) -> None:
    assert keys(ask(word)) == {c.key for c in CAMERAS if word.casefold() in " ".join(c.names).casefold().split()}


def test_latvian_places_are_found_in_other_languages() -> None:
    latvian = [
        Place(key="stop", names=("Autobusa pietura", "Koknese")),
        Place(key="school", names=("Skola", "Koknese")),
        Place(key="play", names=("Rotaļu laukums", "Pļaviņas")),
        Place(key="square", names=("Pilsētas laukums", "Pļaviņas")),
    ]
    wanted = {
        "stotelė": "stop",
        "bus stop": "stop",
        "mokykla": "school",
        "žaidimų aikštelė": "play",
        "square": "square",
    }
    for query, key in wanted.items():
        assert keys(ask(query, places=latvian)) == {key}
    assert keys(ask("Plavinas", places=latvian)) == {"play", "square"}
    assert keys(ask("laukums Pļaviņās", places=latvian)) == {"play", "square"}


def test_an_eldership_that_is_a_place_itself_comes_before_its_cameras() -> None:
    town = Place(key="town", names=("Pabiržė",))
    found = ask("Pabiržėje", places=[*CAMERAS, town]).places
    assert found[0] == town
    assert {place.key for place in found[1:]} == in_town("pabirze")
    assert keys(ask("Pabiržė stotelė", places=[*CAMERAS, town])) == {"pabirze-stotele"}


def test_a_camera_that_an_eldership_does_not_have_is_left_over() -> None:
    understood = ask("mokykla Pabiržė vakar")
    assert keys(understood) == in_town("pabirze")
    assert understood.left_over == ("mokykla",)


def test_of_elderships_with_like_names_the_one_is_meant_whose_name_it_is() -> None:
    places = [Place(key=name, names=("Mokykla", name)) for name in ("Pabiržė", "Pabiržiai")]
    assert keys(ask("Pabirziai", places=places)) == {"Pabiržiai"}
    assert keys(ask("mokykla Pabiržė", places=places)) == {"Pabiržė"}


@pytest.mark.parametrize(
    ("query", "key", "hour"),
    [
        ("Stotelė 2 vakar 22", "2", 22),
        ("vakar 22 stotelė 1", "1", 22),
        ("kovo 11-osios gatvė vakar 8", "march", 8),
        ("Vakarų gatvė vakar 9", "west", 9),
        ("vakar 10 Naktinės g. 5", "g5", 10),
    ],
)
def test_numbers_and_words_of_time_in_a_name_are_the_name_s(query: str, key: str, hour: int) -> None:
    names = {
        "1": "Stotelė 1",
        "2": "Stotelė 2",
        "march": "Kovo 11-osios g.",
        "west": "Vakarų gatvė",
        "g5": "Naktinės g. 5",
    }
    understood = ask(query, places=[Place(key=key, names=(name, "Biržai")) for key, name in names.items()])
    assert keys(understood) == {key}
    assert local(understood.span) == f"2026-11-22 {hour:02}:00 – 2026-11-22 {hour + 1:02}:00"
    assert understood.left_over == ()


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("motion", {"motion"}),
        ("judesys", {"motion"}),
        ("judėjimas vakar", {"motion"}),
        ("judesio", {"motion"}),
        ("kustība", {"motion"}),
        ("tampering", TAMPERING),
        ("sabotažas", TAMPERING),
        ("kameros trikdymas", TAMPERING),
        ("uždengta kamera", {"covered"}),
        ("tamsu", {"dark"}),
        ("tumšs", {"dark"}),
        ("no signal", {"no_signal"}),
        ("judesys uždengta", {"motion", "covered"}),
        ("laikrodis", {"clock_wrong"}),
    ],
)
def test_kinds_are_understood(query: str, kinds: set[str]) -> None:
    understood = ask(query)
    assert understood.kinds == kinds
    assert understood.left_over == ()


@pytest.mark.parametrize("language", ["en", "lt", "lv"])
def test_what_the_screen_calls_a_kind_is_understood(language: str) -> None:
    texts = json.loads((INTEGRATION / "translations" / f"{language}.json").read_text("utf-8"))
    seen = next(
        attributes["kinds"]["state"]
        for entity in texts["entity"]["binary_sensor"].values()
        if "kinds" in (attributes := entity.get("state_attributes", {}))
    )
    for options in (texts["selector"]["tampering_kind"]["options"], seen):
        assert options.keys() == TAMPERING
        for kind, text in options.items():
            assert ask(text).kinds == {kind}, text
            assert ask(text).left_over == (), text
    kinds = texts["selector"]["kind"]["options"]
    assert ask(kinds["motion"]).kinds == {"motion"}
    assert ask(kinds["tampering"]).kinds == TAMPERING


@pytest.mark.parametrize(
    ("query", "incident"),
    [
        ("2026-17", "2026-17"),
        ("2026-11", "2026-11"),
        ("incidentas Nr. 2025-3", "2025-3"),
        ("incident 17", "2026-17"),
        ("įvykis 5", "2026-5"),
        ("2026-1 vakar", "2026-1"),
        ("2026-01", None),
        ("2026-11-20", None),
        ("22-17", None),
    ],
)
def test_the_number_of_an_incident_is_no_month(query: str, incident: str | None) -> None:
    understood = ask(query)
    assert understood.incident == incident
    assert (understood.span is None) == (query not in ("2026-1 vakar", "2026-11-20", "22-17"))
    if incident:
        assert understood.left_over == ()


@pytest.mark.parametrize(
    ("query", "left_over"),
    [
        ("22", ("22",)),
        ("vakar Žemaitė", ("Žemaitė",)),
        ("vakar 22 23", ("23",)),
        ("vakar 25", ("25",)),
        ("22:75", ("22:75",)),
        ("31.11.", ("31.11.",)),
        ("2026-02-29", ("2026-02-29",)),
        ("0000-01-01", ("0000-01-01",)),
        ("0001-01-01", ("0001-01-01",)),
        ("9999-12-31", ("9999-12-31",)),
        ("prieš 2 valandas", ("2", "valandas")),
        ("prieš 999 dienas", ()),
        ("stotelė 2026-01", ("2026-01",)),
        ("tomorrow", ("tomorrow",)),
        ("rytoj 22", ("rytoj", "22")),
        ("2020-01-01 2026-01-01", ("2026-01-01",)),
        ("last week", ("week",)),
        ("vakar rytą 22", ("rytą",)),
        ("lapkritis", ("lapkritis",)),
        ("?!… 🙂", ()),
        ("", ()),
    ],
)
def test_what_was_not_understood_is_told(query: str, left_over: tuple[str, ...]) -> None:
    assert ask(query).left_over == left_over


@pytest.mark.parametrize("query", ["stotelė 22", "22 motion", "Pabiržė 22"])
def test_a_number_beside_something_that_is_looked_for_is_an_hour(query: str) -> None:
    understood = ask(query)
    assert local(understood.span) == "2026-11-22 22:00 – 2026-11-22 23:00"
    assert understood.left_over == ()


def test_a_camera_that_is_called_like_a_kind_is_meant() -> None:
    understood = ask("laikrodis", places=[Place(key="clock", names=("Laikrodis", "Biržai"))])
    assert keys(understood) == {"clock"}
    assert understood.kinds == frozenset()


def test_words_that_every_name_may_have_mean_no_place() -> None:
    places = [Place(key=number, names=(f"Kamera {number}", "Biržai")) for number in (1, 2)]
    assert keys(ask("kamera vakar", places=places)) == set()
    assert keys(ask("kamera 2 vakar", places=places)) == {2}


def test_a_name_of_a_place_that_is_not_meant_is_left_over() -> None:
    places = [
        Place(key="street", names=("Kovo 11-osios g.", "Biržai")),
        Place(key="school", names=("Mokykla", "Pabiržė")),
    ]
    understood = ask("Pabiržė Kovo 11-osios", places=places)
    assert keys(understood) == {"school"}
    assert understood.left_over == ("Kovo", "11-osios")


@pytest.mark.parametrize(("one", "other"), [("stotele", "stoteleje"), ("parkuose", "parkams"), ("papilys", "papilio")])
def test_forms_of_a_word_are_one(one: str, other: str) -> None:
    assert same_word(one, other)
    assert same_word(other, one)


@pytest.mark.parametrize(("one", "other"), [("aikste", "aikstele"), ("pilis", "piles"), ("stotis", "stotele")])
def test_words_that_only_begin_alike_are_two(one: str, other: str) -> None:
    assert not same_word(one, other)
    assert not same_word(other, one)


def test_everything_in_one_search() -> None:
    understood = ask("What happened at the bus stop in Vabalninkas between 22 and 02 yesterday? motion")
    assert keys(understood) == {"vabalninkas-stotele"}
    assert local(understood.span) == "2026-11-22 22:00 – 2026-11-23 02:00"
    assert [day.isoformat() for day in understood.days] == ["2026-11-22", "2026-11-23"]
    assert understood.kinds == {"motion"}
    assert understood.exact
    assert understood.left_over == ()


def test_a_query_is_read_up_to_200_characters() -> None:
    assert ask(" " * 195 + "vakar").span is not None
    assert ask(" " * 196 + "vakar") == ask(" " * 196 + "vaka")


# Of any clock: the test gives them a zone.
EARLY, LATE = datetime.fromisoformat("0001-01-03"), datetime.fromisoformat("9999-12-29")


@given(st.one_of(st.text(max_size=1000), TYPED), st.datetimes(EARLY, LATE))
@example("9999-12-31 22-02", LATE)
@example("vakar 22 naktį", EARLY)
def test_nothing_that_is_typed_raises(query: str, now: datetime) -> None:
    understood = ask(query, now=now.replace(tzinfo=UTC))
    assert (understood.span is None) == (understood.days == ())
    if understood.span is not None:
        assert understood.span.start < understood.span.end
        assert understood.span.start.tzinfo is understood.span.end.tzinfo is UTC
        assert understood.span.end - understood.span.start < timedelta(days=34)


@given(TYPED)
def test_case_and_diacritics_do_not_matter(query: str) -> None:
    understood = ask(query)
    for other in (query.upper(), fold(query), unicodedata.normalize("NFD", query)[:200]):
        again = ask(other) if len(unicodedata.normalize("NFD", query)) <= 200 else understood
        assert again.places == understood.places
        assert (again.span, again.days, again.exact) == (understood.span, understood.days, understood.exact)
        assert (again.kinds, again.incident) == (understood.kinds, understood.incident)
        assert list(map(fold, again.left_over)) == list(map(fold, understood.left_over))


@given(TYPED)
def test_the_order_of_places_given_changes_nothing_that_is_meant(query: str) -> None:
    shuffled = random.Random(1).sample(CAMERAS, len(CAMERAS))
    assert keys(ask(query, places=shuffled)) == keys(ask(query))


@pytest.mark.parametrize(
    "text", ["vakar 22 nuo iki - ", "Nemunėlio Radviliškis bus stop ", "1-", "ab ", "\u0300", "ﷺ", "9" * 999]
)
def test_long_searches_of_many_cameras_are_quick(text: str) -> None:
    many = [
        Place(key=(town, place), names=(f"{CAMERAS[place % 24].names[0]} {place}", f"{ELDERSHIPS[town].name}{town}"))
        for town in range(7)
        for place in range(17)
    ]
    query = (text * 1000)[:1000]
    ask(query, places=many)
    taken = []
    for _ in range(5):
        start = time.process_time()
        ask(query, places=many)
        taken.append(time.process_time() - start)
    assert min(taken) < 0.05
