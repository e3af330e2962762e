"""README.txt: how to verify a package without this software, in all three languages. Pure."""

from .contents import Language

SUMS_COMMAND = "sha256sum -c SHA256SUMS"
SIGNATURE_COMMAND = "openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig"
FINGERPRINT_COMMAND = "openssl pkey -pubin -in public-key.pem -outform DER | sha256sum"

_TEXTS: dict[Language, str] = {
    "en": """\
EVIDENCE PACKAGE {number}

clips/           the footage, as MP4 for any player
stills/          single pictures of it
protocol.html    what this is, to be read and printed
manifest.json    the same in detail, for programs
SHA256SUMS       the checksum of each file; SHA256SUMS.sig is its signature
public-key.pem   the key by which the signature can be checked

How to verify that nobody has changed anything. Unpack the package, open a terminal in its folder (Linux; macOS
with OpenSSL 3 and coreutils; Windows with "Git Bash", which comes with Git for Windows) and run:

1. Is every file as it was packed? Each line has to end with OK.

   {sums}

2. Is the list of checksums signed? "Signature Verified Successfully" has to appear.

   {signature}

3. Is it the recorder's key? These 64 digits have to be the fingerprint that the controller of the cameras tells
   you by another way (by telephone, on its website, on the printed and signed protocol).

   {fingerprint}

There must be no files in the folder but those of SHA256SUMS, SHA256SUMS itself and SHA256SUMS.sig.
Whoever has Safe Community can check the ZIP file itself: safe-community-recorder verify PACKAGE.zip
""",
    "lt": """\
ĮRODYMŲ PAKETAS {number}

clips/           vaizdo ištraukos MP4 formatu, tinka bet kokiai grotuvo programai
stills/          atskiri jų kadrai
protocol.html    kas tai yra: skaityti ir spausdinti
manifest.json    tas pats išsamiai, skirta programoms
SHA256SUMS       kiekvieno failo kontrolinė suma; jos parašas – SHA256SUMS.sig
public-key.pem   raktas, kuriuo tikrinamas parašas

Kaip patikrinti, kad niekas nieko nepakeitė. Išskleiskite paketą, jo aplanke atverkite terminalą (Linux; macOS su
OpenSSL 3 ir coreutils; Windows su „Git Bash“, esančia programoje Git for Windows) ir įvykdykite:

1. Ar kiekvienas failas toks, koks buvo supakuotas? Kiekviena eilutė turi baigtis žodžiu OK.

   {sums}

2. Ar kontrolinių sumų sąrašas pasirašytas? Turi pasirodyti „Signature Verified Successfully“.

   {signature}

3. Ar tai įrašymo sistemos raktas? Šie 64 ženklai turi sutapti su atspaudu, kurį kamerų duomenų valdytojas praneša
   kitu keliu (telefonu, savo svetainėje, atspausdintame ir pasirašytame protokole).

   {fingerprint}

Aplanke neturi būti jokių kitų failų, tik išvardytieji faile SHA256SUMS, pats SHA256SUMS ir SHA256SUMS.sig.
Turintieji „Safe Community“ gali patikrinti patį ZIP failą: safe-community-recorder verify PAKETAS.zip
""",
    "lv": """\
PIERĀDĪJUMU PAKOTNE {number}

clips/           video fragmenti MP4 formātā, der jebkuram atskaņotājam
stills/          atsevišķi to kadri
protocol.html    kas tas ir: lasīšanai un drukāšanai
manifest.json    tas pats sīkāk, programmām
SHA256SUMS       katra faila kontrolsumma; tās paraksts ir SHA256SUMS.sig
public-key.pem   atslēga, ar kuru pārbauda parakstu

Kā pārbaudīt, ka neviens neko nav mainījis. Atpakojiet pakotni, tās mapē atveriet termināli (Linux; macOS ar
OpenSSL 3 un coreutils; Windows ar "Git Bash", kas ir programmā Git for Windows) un izpildiet:

1. Vai katrs fails ir tāds, kāds tika iepakots? Katrai rindai jābeidzas ar OK.

   {sums}

2. Vai kontrolsummu saraksts ir parakstīts? Jāparādās "Signature Verified Successfully".

   {signature}

3. Vai tā ir ieraksta sistēmas atslēga? Šīm 64 zīmēm jāsakrīt ar pirkstu nospiedumu, ko kameru pārzinis paziņo
   citā ceļā (pa tālruni, savā tīmekļvietnē, izdrukātā un parakstītā protokolā).

   {fingerprint}

Mapē nedrīkst būt citu failu, tikai failā SHA256SUMS uzskaitītie, pats SHA256SUMS un SHA256SUMS.sig.
Kam ir "Safe Community", var pārbaudīt pašu ZIP failu: safe-community-recorder verify PAKOTNE.zip
""",
}


def readme(number: str) -> str:
    """The text, in all languages one after the other."""
    commands = {"sums": SUMS_COMMAND, "signature": SIGNATURE_COMMAND, "fingerprint": FINGERPRINT_COMMAND}
    line = f"\n{'-' * 100}\n\n"
    return line.join(text.format(number=number, **commands) for text in _TEXTS.values())
