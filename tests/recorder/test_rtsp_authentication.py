"""Basic and Digest authentication: the standards' examples, what cameras make of them, and when to stop asking."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safe_community_recorder.ingest.rtsp.authentication import Authenticator, parse_challenges

URL = "rtsp://192.168.1.64/Streaming/Channels/101"
DIGEST = 'Digest realm="IP Camera(12345)", nonce="abc", stale="FALSE"'
text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=20)


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parameters(authorization: str | None) -> dict[str, str]:
    assert authorization is not None
    assert authorization.startswith("Digest ")
    return {
        name: re.sub(r"\\(.)", r"\1", value) if quote else plain
        for name, quote, value, plain in re.findall(r'(\w+)=(?:(")((?:[^"\\]|\\.)*)"|([^,\s]*))', authorization)
    }


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode("latin-1"), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_are_answered_as_they_should(algorithm: str, response: str) -> None:
    nonce, opaque = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    login = Authenticator("Mufasa", "Circle of Life", cnonce=lambda: cnonce)
    offer = f'algorithm={algorithm}, nonce="{nonce}", opaque="{opaque}"'
    assert login.challenged([f'Digest realm="http-auth@example.org", qop="auth, auth-int", {offer}'])
    assert parameters(login.authorization("GET", "/dir/index.html")) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": nonce,
        "nc": "00000001",
        "cnonce": cnonce,
        "qop": "auth",
        "response": response,
        "opaque": opaque,
    }


def test_the_example_of_rfc_2617_is_answered_as_it_should() -> None:
    login = Authenticator("Mufasa", "Circle Of Life", cnonce=lambda: "0a4f113b")
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    assert login.challenged([challenge])
    answered = parameters(login.authorization("GET", "/dir/index.html"))
    assert answered["response"] == "6629fae49393a05397450978507c4ef1"
    assert "algorithm" not in answered


def test_basic_is_answered_with_utf_8() -> None:
    login = Authenticator("Aladdin", "open sesame")
    assert login.challenged(['Basic realm="WallyWorld"'])
    assert login.authorization("DESCRIBE", URL) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    login = Authenticator("test", "123£")
    assert login.challenged(['basic realm="foo", charset="UTF-8"'])
    assert login.authorization("DESCRIBE", URL) == "Basic dGVzdDoxMjPCow=="


def test_an_old_cameras_digest_counts_nothing() -> None:
    login = Authenticator("admin", "12345")
    assert login.challenged([DIGEST])
    answered = parameters(login.authorization("DESCRIBE", URL))
    expected = md5(md5("admin", "IP Camera(12345)", "12345"), "abc", md5("DESCRIBE", URL))
    assert answered == {
        "username": "admin",
        "realm": "IP Camera(12345)",
        "nonce": "abc",
        "uri": URL,
        "response": expected,
    }


@pytest.mark.parametrize(("algorithm", "name"), [("MD5-sess", "md5"), ("SHA-256-sess", "sha256")])
def test_a_session_key_is_made_once_for_each_nonce(algorithm: str, name: str) -> None:
    def hashed(*parts: str) -> str:
        return hashlib.new(name, ":".join(parts).encode()).hexdigest()

    cnonces = iter(["one", "two"])
    login = Authenticator("u", "p", cnonce=lambda: next(cnonces))
    assert login.challenged([f'Digest realm="r",nonce="n",qop="auth",algorithm="{algorithm}"'])
    secret = hashed(hashed("u", "r", "p"), "n", "one")
    for count in ("00000001", "00000002"):
        answered = parameters(login.authorization("PLAY", URL))
        assert (answered["nc"], answered["cnonce"]) == (count, "one")
        assert answered["response"] == hashed(secret, "n", count, "one", "auth", hashed("PLAY", URL))


@given(text, text, text)
def test_names_with_quotes_commas_and_foreign_letters_go_back_as_they_came(realm: str, nonce: str, user: str) -> None:
    login = Authenticator(user, "secret")
    assert login.challenged([f"Digest realm={quoted(realm)}, nonce={quoted(nonce)}"])
    answered = parameters(login.authorization("DESCRIBE", URL))
    sent_user = user.encode().decode("latin-1")
    assert (answered["realm"], answered["nonce"], answered["username"]) == (realm, nonce, sent_user)
    assert answered["response"] == md5(md5(sent_user, realm, "secret"), nonce, md5("DESCRIBE", URL))


@pytest.mark.parametrize(
    "values",
    [
        ['Basic realm="a, b=c"', DIGEST, 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"'],
        [f'Basic realm="x", {DIGEST}, Digest realm="r", nonce="n", algorithm="SHA-256", qop=auth'],
        ['Digest realm="r" nonce="n" algorithm=sha-256 qop="auth"', "Negotiate", 'Digest realm="r"'],
        ['Digest realm="q",nonce="n",algorithm=SHA-512-256', 'DIGEST REALM="r" , NONCE = "n", Algorithm=SHA-256'],
    ],
)
def test_the_strongest_challenge_that_both_know_is_taken(values: list[str]) -> None:
    login = Authenticator("u", "p")
    assert login.challenged(values)
    answered = parameters(login.authorization("OPTIONS", URL))
    assert (answered["realm"], answered["algorithm"].upper()) == ("r", "SHA-256")


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["Negotiate", "Bearer realm=x"],
        ['Digest realm="r", nonce="n", algorithm=SHA-3'],
        ['Digest realm="r", nonce="n", qop="auth-int"'],
        ['Digest realm="r"'],
    ],
)
def test_nothing_is_sent_where_nothing_is_known(values: list[str]) -> None:
    login = Authenticator("u", "p")
    assert not login.challenged(values)
    assert login.authorization("OPTIONS", URL) is None


def test_who_has_no_name_and_no_password_does_not_try() -> None:
    assert not Authenticator("", "").challenged([DIGEST])


def test_a_refused_password_is_not_sent_again() -> None:
    login = Authenticator("admin", "wrong")
    assert login.challenged([DIGEST])
    login.authorization("DESCRIBE", URL)
    assert not login.challenged([DIGEST.replace("abc", "def")])
    assert not login.challenged([DIGEST.replace("abc", "ghi")])


def test_a_stale_nonce_is_replaced_once() -> None:
    login = Authenticator("admin", "12345")
    assert login.challenged([DIGEST])
    for number in range(3):
        login.authorization("GET_PARAMETER", URL)
        worth = login.challenged([f'Digest realm="r", nonce="{number}", stale=TRUE'])
        assert worth == (number == 0)


def test_a_nonce_that_was_accepted_may_run_out_again_and_again() -> None:
    login = Authenticator("admin", "12345")
    assert login.challenged([DIGEST])
    for number in range(3):
        login.authorization("GET_PARAMETER", URL)
        login.accepted()
        login.authorization("GET_PARAMETER", URL)
        assert login.challenged([f'Digest realm="r", nonce="{number}"'])
        assert parameters(login.authorization("GET_PARAMETER", URL))["nonce"] == str(number)
        if number < 2:
            login.accepted()
    assert not login.challenged(['Digest realm="r", nonce="x"'])


def test_what_was_asked_without_a_password_tells_nothing_about_it() -> None:
    login = Authenticator("admin", "12345")
    login.accepted()
    assert login.challenged([DIGEST])
    login.authorization("DESCRIBE", URL)
    assert not login.challenged([DIGEST])


def test_the_password_is_not_given_away_to_a_weaker_challenge() -> None:
    login = Authenticator("admin", "12345")
    assert login.challenged([DIGEST])
    login.authorization("DESCRIBE", URL)
    login.accepted()
    assert not login.challenged(['Basic realm="IP Camera(12345)"'])
    assert (login.authorization("DESCRIBE", URL) or "").startswith("Digest ")


@given(st.lists(st.text(max_size=60), max_size=4))
def test_whatever_stands_in_a_challenge_is_read(values: list[str]) -> None:
    for challenge in parse_challenges(values):
        assert 0 <= challenge.strength <= 3
