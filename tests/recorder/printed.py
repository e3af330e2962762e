"""What a browser prints: the texts on each page of a PDF, as far as Chromium's own PDFs go (ISO 32000-2)."""

import re
import zlib
from collections.abc import Mapping
from itertools import count

from playwright.sync_api import Browser

_OBJECT = re.compile(rb"(?<!\d)(\d+) 0 obj\b(.*?)\bendobj", re.DOTALL)
_DRAWN = re.compile(rb"/(F\d+) [\d.]+ Tf|<([0-9A-F]+)> Tj")


def print_pdf(browser: Browser, page: str) -> bytes:
    """An HTML page as it is printed. AssertionError if the browser complains of it."""
    tab = browser.new_page()
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("request", lambda request: complaints.append(request.url) if not request.url.startswith("data:") else None)
    tab.set_content(page)
    pdf = tab.pdf(prefer_css_page_size=True)
    tab.close()
    assert complaints == []
    return pdf


def pages_of(pdf: bytes) -> list[list[str]]:
    """The texts on each page, in the order in which they are drawn."""
    objects = {int(match[1]): match[2] for match in _OBJECT.finditer(pdf)}
    pages = [content for content in objects.values() if re.search(rb"/Type\s*/Page\b", content)]
    return [_texts(page, objects) for page in pages]


def _texts(page: bytes, objects: Mapping[int, bytes]) -> list[str]:
    fonts = {name: _letters(objects[int(number)], objects) for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", page)}
    (contents,) = re.findall(rb"/Contents (\d+) 0 R", page)
    font: Mapping[int, str] = {}
    texts = []
    for name, glyphs in _DRAWN.findall(_stream(objects[int(contents)])):
        if name:
            font = fonts[name]
        else:
            drawn = bytes.fromhex(glyphs.decode())
            texts.append("".join(font.get(int.from_bytes(drawn[at : at + 2]), "?") for at in range(0, len(drawn), 2)))
    return texts


def _letters(font: bytes, objects: Mapping[int, bytes]) -> dict[int, str]:
    """A font's letters by their glyphs (§9.10.3)."""
    (number,) = re.findall(rb"/ToUnicode (\d+) 0 R", font)
    lines = _stream(objects[int(number)]).decode("ascii").splitlines()
    letters: dict[int, str] = {}
    for line in lines:
        codes = [int(code, 16) for code in re.findall(r"<(\w{4})>", line)]
        if len(codes) == 2 and codes != [0, 0xFFFF]:
            letters[codes[0]] = chr(codes[1])
        elif len(codes) == 3:
            letters |= dict(zip(range(codes[0], codes[1] + 1), map(chr, count(codes[2])), strict=False))
    return letters


def _stream(content: bytes) -> bytes:
    return zlib.decompressobj().decompress(content.partition(b"stream")[2].lstrip(b"\r\n"))
