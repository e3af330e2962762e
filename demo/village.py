"""The demo's district: seven elderships, their 24 cameras and the people who look after them; data only.

It speaks with nobody. `camera_file` is what the recorder reads, `stream_spec` what the simulated cameras read.
"""

from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

DISTRICT = "Biržai"
CAMERA_USER = "recorder"
CAMERA_PASSWORD = "demo-camera"
_MOVEMENT_EVERY_S = 180  # somewhere in the district; each camera's share of it


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera; `scene` names the drawing that its simulation shows."""

    id: str
    name: str
    scene: str


@dataclass(frozen=True, slots=True)
class Eldership:
    """A rural part of the district, and its cameras."""

    id: str
    name: str
    cameras: tuple[Camera, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A member with a Home Assistant account; no elderships means all of them."""

    user: str
    name: str
    role: str
    elderships: tuple[str, ...] = ()
    phone: bool = False

    @property
    def password(self) -> str:
        """Obviously one for a demo."""
        return f"demo-{self.user}"


# What a camera watches: its name, its scene.
_PLACES = {
    "stotele": ("Autobusų stotelė", "stop"),
    "konteineriai": ("Konteinerių aikštelė", "containers"),
    "mokykla": ("Mokykla", "building"),
    "kulturos-namai": ("Kultūros namai", "building"),
    "biblioteka": ("Biblioteka", "building"),
    "parduotuve": ("Parduotuvė", "building"),
    "kapines": ("Kapinės", "cemetery"),
    "zaidimu-aikstele": ("Žaidimų aikštelė", "playground"),
    "aikste": ("Miestelio aikštė", "square"),
    "stadionas": ("Stadionas", "square"),
}


def _eldership(slug: str, name: str, *places: str) -> Eldership:
    return Eldership(slug, name, tuple(Camera(f"{slug}-{place}", *_PLACES[place]) for place in places))


ELDERSHIPS = (
    _eldership("vabalninkas", "Vabalninkas", "stotele", "konteineriai", "mokykla", "aikste"),
    _eldership("paroveja", "Parovėja", "stotele", "konteineriai", "kulturos-namai", "zaidimu-aikstele"),
    _eldership("papilys", "Papilys", "kapines", "stotele", "mokykla", "biblioteka"),
    _eldership("rinkuskiai", "Rinkuškiai", "konteineriai", "stadionas", "biblioteka"),
    _eldership("nemunelio-radviliskis", "Nemunėlio Radviliškis", "kulturos-namai", "konteineriai", "kapines"),
    _eldership("pabirze", "Pabiržė", "zaidimu-aikstele", "stotele", "parduotuve"),
    _eldership("paceriaukste", "Pačeriaukštė", "stotele", "kapines", "kulturos-namai"),
)
CAMERA_COUNT = sum(len(eldership.cameras) for eldership in ELDERSHIPS)

_FIRST_FOUR = tuple(eldership.id for eldership in ELDERSHIPS[:4])
_LAST_THREE = tuple(eldership.id for eldership in ELDERSHIPS[4:])

# The first one is the owner of the Home Assistant.
PEOPLE = (
    Person("admin", "Tomas", "administrator"),
    Person("ona", "Ona", "volunteer", _FIRST_FOUR, phone=True),
    Person("jonas", "Jonas", "volunteer", ("vabalninkas", *_LAST_THREE), phone=True),
    Person("birute", "Birutė", "volunteer", ("vabalninkas",), phone=True),
    Person("rasa", "Rasa", "coordinator", phone=True),
    Person("vytautas", "Vytautas", "eldership_specialist", ("vabalninkas",)),
    Person("aldona", "Aldona", "public_order_specialist", phone=True),
    Person("daiva", "Daiva", "data_protection_officer"),
)
# Between them they cover every eldership, so that whatever moves in the demo, somebody's phone rings.
ON_DUTY = ("Ona", "Jonas")


def choose(count: int) -> tuple[Eldership, ...]:
    """The elderships with `count` cameras in all, dealt out in turn; elderships that get none are left out."""
    if not 1 <= count <= CAMERA_COUNT:
        raise ValueError(f"expected 1 to {CAMERA_COUNT} cameras, got {count}")
    rounds = zip_longest(*(eldership.cameras for eldership in ELDERSHIPS))
    dealt = [camera for camera in chain.from_iterable(rounds) if camera is not None][:count]
    chosen = (
        Eldership(eldership.id, eldership.name, tuple(camera for camera in eldership.cameras if camera in dealt))
        for eldership in ELDERSHIPS
    )
    return tuple(eldership for eldership in chosen if eldership.cameras)


def stream_spec(elderships: tuple[Eldership, ...]) -> dict[str, Any]:
    """What `demo/cameras.py` reads; its names are written into the pictures."""
    return {
        "user": CAMERA_USER,
        "password": CAMERA_PASSWORD,
        "movement_every_s": _MOVEMENT_EVERY_S * sum(len(eldership.cameras) for eldership in elderships),
        "cameras": [
            {"id": camera.id, "name": f"{eldership.name} · {camera.name}", "scene": camera.scene}
            for eldership in elderships
            for camera in eldership.cameras
        ],
    }


def camera_file(elderships: tuple[Eldership, ...], rtsp_port: int, *, quota_gb: float) -> dict[str, Any]:
    """The recorder's camera file for cameras that `demo/cameras.py` serves on `rtsp_port`."""
    address = f"rtsp://{CAMERA_USER}:{CAMERA_PASSWORD}@127.0.0.1:{rtsp_port}"
    return {
        "version": 1,
        "name": DISTRICT,
        "elderships": [{"id": eldership.id, "name": eldership.name} for eldership in elderships],
        "cameras": [
            {
                "id": camera.id,
                "name": camera.name,
                "eldership": eldership.id,
                "url": f"{address}/{camera.id}/main",
                "detect_url": f"{address}/{camera.id}/sub",
                # The time in the picture changes all the time, and is nobody.
                "vision": {"ignore": [[[0, 0], [1, 0], [1, 0.18], [0, 0.18]]]},
            }
            for eldership in elderships
            for camera in eldership.cameras
        ],
        "storage": {"retention_days": 14, "quota_gb": quota_gb},
    }
