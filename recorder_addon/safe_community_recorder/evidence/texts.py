"""The words of the protocol in English, Lithuanian and Latvian."""

from collections.abc import Mapping
from dataclasses import dataclass

from .contents import ClockSource, Language


@dataclass(frozen=True, slots=True)
class Words:
    """What the protocol says in one language. `{…}` is filled in."""

    title: str
    created: str
    recorder: str
    asked_by: str
    reason: str
    recipient: str
    clip: str
    eldership: str
    time: str
    asked_time: str
    no_footage: str
    picture: str
    sound: str
    with_sound: str
    without_sound: str
    clock: str
    sources: Mapping[ClockSource, str]
    offset: str
    no_offset: str
    clock_changes: str
    clock_kinds: Mapping[str, str]
    missing: str
    nothing_missing: str
    causes: Mapping[str, str]
    more: str
    file: str
    how_to_verify: str
    verifying: str
    fingerprint: str
    hand_over: str
    given_by: str
    received_by: str
    person: str
    institution: str
    signature: str
    date: str
    decimal_sign: str


WORDS: Mapping[Language, Words] = {
    "en": Words(
        title="Evidence package {number}: protocol",
        created="Made",
        recorder="Recorder",
        asked_by="Asked for by",
        reason="Reason",
        recipient="For whom",
        clip="Clip",
        eldership="Eldership",
        time="Time",
        asked_time="Time asked for",
        no_footage="There is no footage of this time.",
        picture="Picture",
        sound="Sound",
        with_sound="yes",
        without_sound="no",
        clock="Where the time comes from",
        sources={
            "sender_report": "the camera's clock (RTCP sender reports)",
            "arrival": "when the pictures came to the recorder",
            "mixed": "partly the camera's clock, partly when the pictures came to the recorder",
        },
        offset="the camera's clock against the recorder's when this was made: {offset} s",
        no_offset="the camera does not tell its time now",
        clock_changes="Changes of clocks",
        clock_kinds={
            "host_stepped": "the recorder's clock was set",
            "camera_jumped": "the camera's clock jumped",
            "camera_drifts": "the camera's clock drifts",
            "camera_senseless": "the camera's times made no sense",
        },
        missing="Missing footage",
        nothing_missing="none",
        causes={
            "camera_unreachable": "the camera could not be reached",
            "authentication_refused": "the camera refused the password",
            "unsupported_stream": "the camera's stream cannot be recorded",
            "corrupt_stream": "the camera's stream was damaged",
            "no_keyframe": "the camera sent no keyframe",
            "packets_lost": "data were lost on the way",
            "paused": "recording was paused",
            "reconfigured": "the camera's settings were changed",
            "recorder_stopped": "the recorder was not running",
            "recorder_failed": "the recorder failed",
            "disk": "the disk could not be written",
            "clock_unset": "the recorder's clock was not set",
            "clock_stepped": "the recorder's clock was set",
            "file_missing": "the recording file is gone",
            "unexplained": "no footage is kept: past its days, or never recorded",
        },
        more="and {count} more, all of them in manifest.json",
        file="File",
        how_to_verify="How to verify",
        verifying="The footage is exactly as it was recorded; it was not encoded again for this package. The package "
        "is signed with the recorder's key: any change since can be told. Unpack it and run these commands in "
        "its folder (README.txt says more). Compare the key's fingerprint with the one that the controller of "
        "the cameras tells you by another way.",
        fingerprint="Fingerprint of the public key (SHA-256)",
        hand_over="Hand-over",
        given_by="Handed over by",
        received_by="Received by",
        person="Name, office",
        institution="Institution",
        signature="Signature",
        date="Date, time",
        decimal_sign=".",
    ),
    "lt": Words(
        title="Įrodymų paketas {number}: protokolas",
        created="Sudaryta",
        recorder="Įrašymo sistema",
        asked_by="Paketą užsakė",
        reason="Pagrindas",
        recipient="Kam skirta",
        clip="Vaizdo ištrauka",
        eldership="Seniūnija",
        time="Laikas",
        asked_time="Prašytas laikas",
        no_footage="Šio laiko vaizdo įrašo nėra.",
        picture="Vaizdas",
        sound="Garsas",
        with_sound="yra",
        without_sound="nėra",
        clock="Laiko kilmė",
        sources={
            "sender_report": "kameros laikrodis (RTCP siuntėjo ataskaitos)",
            "arrival": "vaizdo gavimo įrašymo sistemoje laikas",
            "mixed": "iš dalies kameros laikrodis, iš dalies vaizdo gavimo įrašymo sistemoje laikas",
        },
        offset="sudarant paketą kameros laikrodis, palyginti su sistemos laikrodžiu: {offset} s",
        no_offset="kamera savo laiko dabar nepraneša",
        clock_changes="Laikrodžių pokyčiai",
        clock_kinds={
            "host_stepped": "perstatytas sistemos laikrodis",
            "camera_jumped": "pašoko kameros laikrodis",
            "camera_drifts": "kameros laikrodis eina netiksliai",
            "camera_senseless": "kameros laiko žymos buvo netinkamos",
        },
        missing="Įrašo spragos",
        nothing_missing="nėra",
        causes={
            "camera_unreachable": "kamera buvo nepasiekiama",
            "authentication_refused": "kamera atmetė slaptažodį",
            "unsupported_stream": "kameros vaizdo srauto įrašyti negalima",
            "corrupt_stream": "kameros vaizdo srautas buvo sugadintas",
            "no_keyframe": "kamera nesiuntė atraminių kadrų",
            "packets_lost": "dalis duomenų prarasta kelyje",
            "paused": "įrašymas buvo pristabdytas",
            "reconfigured": "buvo keičiami kameros nustatymai",
            "recorder_stopped": "įrašymo sistema neveikė",
            "recorder_failed": "įrašymo sistemos klaida",
            "disk": "nepavyko įrašyti į diską",
            "clock_unset": "sistemos laikrodis nebuvo nustatytas",
            "clock_stepped": "sistemos laikrodis buvo perstatytas",
            "file_missing": "įrašo failo nebėra",
            "unexplained": "įrašo nėra: pasibaigė saugojimo terminas arba nebuvo įrašyta",
        },
        more="ir dar {count}; visos išvardytos faile manifest.json",
        file="Failas",
        how_to_verify="Kaip patikrinti",
        verifying="Vaizdas yra lygiai toks, koks buvo įrašytas; šiam paketui jis nebuvo perkoduotas. Paketas "
        "pasirašytas įrašymo sistemos raktu, todėl bet koks vėlesnis pakeitimas pastebimas. Išskleiskite "
        "paketą ir jo aplanke įvykdykite šias komandas (plačiau – README.txt). Rakto atspaudą palyginkite su "
        "tuo, kurį kamerų duomenų valdytojas praneša kitu keliu.",
        fingerprint="Viešojo rakto atspaudas (SHA-256)",
        hand_over="Perdavimas",
        given_by="Perdavė",
        received_by="Priėmė",
        person="Vardas, pavardė, pareigos",
        institution="Įstaiga",
        signature="Parašas",
        date="Data, laikas",
        decimal_sign=",",
    ),
    "lv": Words(
        title="Pierādījumu pakotne {number}: protokols",
        created="Sagatavota",
        recorder="Ieraksta sistēma",
        asked_by="Pakotni pieprasīja",
        reason="Pamatojums",
        recipient="Kam paredzēta",
        clip="Video fragments",
        eldership="Pagasts",
        time="Laiks",
        asked_time="Pieprasītais laiks",
        no_footage="Šī laika videoieraksta nav.",
        picture="Attēls",
        sound="Skaņa",
        with_sound="ir",
        without_sound="nav",
        clock="Laika izcelsme",
        sources={
            "sender_report": "kameras pulkstenis (RTCP sūtītāja ziņojumi)",
            "arrival": "laiks, kad attēls saņemts ieraksta sistēmā",
            "mixed": "daļēji kameras pulkstenis, daļēji laiks, kad attēls saņemts ieraksta sistēmā",
        },
        offset="kameras pulkstenis pret sistēmas pulksteni pakotnes sagatavošanas brīdī: {offset} s",
        no_offset="kamera savu laiku pašlaik nepaziņo",
        clock_changes="Pulksteņu izmaiņas",
        clock_kinds={
            "host_stepped": "pārstatīts sistēmas pulkstenis",
            "camera_jumped": "palēcās kameras pulkstenis",
            "camera_drifts": "kameras pulkstenis iet neprecīzi",
            "camera_senseless": "kameras laika atzīmes nebija lietojamas",
        },
        missing="Ieraksta pārtraukumi",
        nothing_missing="nav",
        causes={
            "camera_unreachable": "kamera nebija sasniedzama",
            "authentication_refused": "kamera noraidīja paroli",
            "unsupported_stream": "kameras video straumi nevar ierakstīt",
            "corrupt_stream": "kameras video straume bija bojāta",
            "no_keyframe": "kamera nesūtīja atslēgkadrus",
            "packets_lost": "daļa datu ceļā zuda",
            "paused": "ierakstīšana bija apturēta",
            "reconfigured": "tika mainīti kameras iestatījumi",
            "recorder_stopped": "ieraksta sistēma nedarbojās",
            "recorder_failed": "ieraksta sistēmas kļūda",
            "disk": "neizdevās ierakstīt diskā",
            "clock_unset": "sistēmas pulkstenis nebija iestatīts",
            "clock_stepped": "sistēmas pulkstenis tika pārstatīts",
            "file_missing": "ieraksta faila vairs nav",
            "unexplained": "ieraksta nav: beidzies glabāšanas termiņš vai netika ierakstīts",
        },
        more="un vēl {count}; visi uzskaitīti failā manifest.json",
        file="Fails",
        how_to_verify="Kā pārbaudīt",
        verifying="Attēls ir tieši tāds, kāds tika ierakstīts; šai pakotnei tas nav pārkodēts. Pakotne ir parakstīta "
        "ar ieraksta sistēmas atslēgu, tāpēc jebkuras vēlākas izmaiņas var pamanīt. Atpakojiet to un tās mapē "
        "izpildiet šīs komandas (vairāk – README.txt). Atslēgas pirkstu nospiedumu salīdziniet ar to, ko "
        "kameru pārzinis paziņo citā ceļā.",
        fingerprint="Publiskās atslēgas pirkstu nospiedums (SHA-256)",
        hand_over="Nodošana",
        given_by="Nodeva",
        received_by="Saņēma",
        person="Vārds, uzvārds, amats",
        institution="Iestāde",
        signature="Paraksts",
        date="Datums, laiks",
        decimal_sign=",",
    ),
}
