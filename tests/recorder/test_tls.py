"""The recorder's certificate: made once, shown as it is, and renewed without a restart."""

import logging
import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safe_community_recorder import __main__ as command
from safe_community_recorder.tls import (
    CertificateError,
    Files,
    Shown,
    fingerprint_of,
    in_groups,
    make_own,
)
from tests.recorder.certificates import NOW, a_certificate


def openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True).stdout


def test_its_own_certificate_is_made_once_and_only_its_owner_reads_the_key(tmp_path: Path) -> None:
    made = a_certificate(tmp_path).certificate
    content = made.read_bytes()
    assert a_certificate(tmp_path).certificate.read_bytes() == content
    assert made.stat().st_mode & 0o777 == 0o600


def test_openssl_reads_where_and_for_how_long_it_is_valid(tmp_path: Path) -> None:
    names = ["recorder", "recorder.local", "192.168.1.10", "0.0.0.0", "::", "biržai", "two words"]
    made = make_own(tmp_path, names, ["192.168.1.10", "fd00::10"], NOW).certificate
    told = openssl("x509", "-noout", "-ext", "subjectAltName", "-enddate", "-in", str(made))
    assert "DNS:recorder, DNS:recorder.local, IP Address:192.168.1.10, IP Address:FD00:0:0:0:0:0:0:10\n" in told
    assert "notAfter=Nov 23 00:00:00 2036 GMT" in told


def test_a_machine_whose_clock_is_not_set_makes_one_that_is_valid_nevertheless(tmp_path: Path) -> None:
    made = make_own(tmp_path, ["recorder"], [], datetime(1970, 1, 1, tzinfo=UTC)).certificate
    assert "notAfter=Jan  1 00:00:00 2036 GMT" in openssl("x509", "-noout", "-enddate", "-in", str(made))


def test_the_fingerprint_is_what_openssl_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    made = a_certificate(tmp_path).certificate
    said = openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", str(made)).partition("=")[2].strip()
    assert in_groups(fingerprint_of(made)) == said
    assert command.main(["fingerprint", "--data", str(tmp_path)]) == 0
    assert command.main(["fingerprint", "--data", "/nowhere", "--certificate", str(made)]) == 0
    assert capsys.readouterr().out == f"{said}\n{said}\n"


def test_a_recorder_that_has_none_yet_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["fingerprint", "--data", str(tmp_path)]) == 2
    assert "tls.pem: No such file or directory" in capsys.readouterr().err


def test_a_key_without_its_certificate_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--config", "cameras.yaml", "--data", "data", "--key", "key.pem"])
    assert "--key needs --certificate" in capsys.readouterr().err


def with_password(files: Files) -> Path:
    """Its key, which nobody can use without a password."""
    path = files.certificate.with_name("locked.pem")
    subprocess.run(
        ["openssl", "pkey", "-aes256", "-passout", "pass:secret", "-in", files.certificate, "-out", path], check=True
    )
    return path


def test_what_cannot_be_used_is_refused_with_the_reason(tmp_path: Path) -> None:
    good, other = a_certificate(tmp_path / "good"), a_certificate(tmp_path / "other")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("certificate")
    for files, words in (
        (Files(tmp_path / "none.pem"), "none.pem: No such file or directory"),
        (Files(good.certificate, tmp_path / "none.pem"), "none.pem: No such file or directory"),
        (Files(garbage), "a certificate in PEM was expected"),
        (Files(good.certificate, other.certificate), "the key of .*good/tls.pem, without a password, was expected"),
        (Files(good.certificate, garbage), "the key of .*, without a password, was expected"),
        (Files(good.certificate, with_password(good)), "the key of .*, without a password, was expected"),
    ):
        with pytest.raises(CertificateError, match=words):
            Shown(files)


async def test_a_renewed_certificate_is_taken_and_a_wrong_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    files, new = a_certificate(tmp_path / "old"), a_certificate(tmp_path / "new")
    shown = Shown(files)
    first, context = shown.fingerprint, shown.context
    await shown.renew()
    assert (shown.fingerprint, caplog.messages) == (first, [])
    files.certificate.write_bytes(new.certificate.read_bytes())
    await shown.renew()
    assert shown.fingerprint == fingerprint_of(new.certificate) != first
    assert shown.context is not context
    files.certificate.write_text("half of a")
    await shown.renew()
    assert shown.fingerprint == fingerprint_of(new.certificate)
    assert caplog.messages == ["certificate renewed", "certificate refused; the former one is shown on"]


def test_nobody_talks_what_is_older_than_tls_1_2(tmp_path: Path) -> None:
    assert Shown(a_certificate(tmp_path)).context.minimum_version == ssl.TLSVersion.TLSv1_2
