"""Every setting: frozen, typed sections with the default and the meaning of each key.

`config.toml` in the repository shows the same, and a test holds the two together. Reading the file
and the environment is `config_file.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator


def _one_or_many(value: object) -> object:
    return (
        (value,)
        if isinstance(value, str | Path)
        else tuple(value)
        if isinstance(value, list)
        else value
    )


def _path(value: object) -> object:
    return Path(value).expanduser() if isinstance(value, str) and value else value


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
OnePath = Annotated[Path, BeforeValidator(_path)]
Paths_ = Annotated[tuple[OnePath, ...], BeforeValidator(_one_or_many), Field(min_length=1)]


class Section(BaseModel):
    """One table of config.toml: unknown keys, wrong types and out-of-range values are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Paths(Section):
    """Where files are looked for, and where Rollcall keeps its own."""

    state: OnePath = Field(
        Path("state"),
        description="catalog, crops and converted models; never inside a watched folder",
    )
    inbox: Paths_ = Field(
        (Path("inbox"),),
        description="watched folders with photos (and videos), searched recursively",
    )
    people: OnePath = Field(
        Path("people"), description="reference people: a folder each, named like the person"
    )

    @property
    def watched(self) -> tuple[Path, ...]:
        """The folders whose files are catalogued."""
        return (*self.inbox, self.people)

    def watched_around(self, folder: Path) -> Path | None:
        """The watched folder that this one is or lies in, also through links; None outside."""
        real = folder.resolve()
        return next((it for it in self.watched if real.is_relative_to(it.resolve())), None)


class Models(Section):
    """Which models look at the faces, and where their weights come from."""

    weights: OnePath | None = Field(None, description="folder with weight files, looked in first")
    download: bool = Field(
        default=True, description="let DeepFace download weights that are nowhere on this machine"
    )
    detector: Names = Field(
        ("yunet",), description="face detector, one or a list: yunet, mtcnn, opencv, retinaface …"
    )
    recognizer: Names = Field(
        ("Dlib",), description="recognition model, one or a list: Dlib, ArcFace, Facenet512 …"
    )


class Intake(Section):
    """When a file counts as finished, what is passed over, and how folders are watched."""

    quiet_s: float = Field(
        2.0,
        ge=0,
        le=600,
        description="seconds without change after a file was closed or moved here",
    )
    quiet_unclosed_s: float = Field(
        10.0, ge=0, le=3600, description="the same where no close was seen"
    )
    rescan_minutes: float = Field(
        30.0, gt=0, le=10080, description="full comparison with the disk, this often at most"
    )
    polling: Literal["auto", "always", "never"] = Field(
        "auto", description="poll: auto (network folders), always, never"
    )
    poll_s: float = Field(
        60.0, gt=0, le=86400, description="seconds between two looks at a polled folder"
    )
    ignore: Names = Field(
        (
            ".*", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information",
            "lost+found", "Thumbs.db", "desktop.ini",
            "*.part", "*.tmp", "*.temp", "*.crdownload", "*.download", "*.partial", "*~",
        ),
        description="file and folder names that are passed over without a trace",
    )  # fmt: skip
    sidecars: Names = Field(
        ("*.xmp", "*.aae", "*.thm", "*.json", "*.pp3", "*.dop", "*.ini"),
        description="files beside pictures that are noted as ignored and not read",
    )
    max_megapixels: float = Field(
        250.0, gt=0, le=10000, description="larger pictures are refused with a reason"
    )


class Detect(Section):
    """How faces are looked for."""

    first_size: int = Field(
        640,
        ge=160,
        le=8192,
        description="longest side in pixels, at least, of the first look at a picture",
    )
    size: int = Field(
        1280, ge=160, le=8192, description="the same of the second, where there are small faces"
    )
    min_confidence: float = Field(0.6, ge=0, le=1, description="detections below this are dropped")
    min_face_px: float = Field(
        16.0, ge=1, le=1000, description="faces narrower than this in the full picture are dropped"
    )

    second_chance: bool = Field(
        default=True,
        description="turn and equalise pictures that hint at a face and show no sure one",
    )

    @property
    def wanted_side_px(self) -> int:
        """The longest side of a decoded picture beyond which no look at it shows more."""
        return max(self.first_size, self.size)


class Crops(Section):
    """What is stored of each face and picture."""

    # Of LFW's faces, 94 px wide, crops of 256 px are as good as the picture itself (TAR at FMR 1e-3
    # 0.934); 192, 160 and 128 px lose 0.005, 0.008 and 0.013 (sd 0.002). JPEG quality 90 loses
    # nothing against PNG, 85 and 75 lose 0.002 and 0.004 (sd 0.001); margins of 0 and 0.6 change
    # nothing for Dlib (`benchmarks.crops`). The margin holds every model's crop of a face turned by
    # 45°.
    size: int = Field(
        256, ge=112, le=1024, description="longest side in pixels of a stored face crop"
    )
    margin: float = Field(
        0.4, ge=0, le=3, description="room around the face on each side, in face sizes"
    )
    jpeg_quality: int = Field(90, ge=50, le=100, description="JPEG quality of the stored crops")
    preview_size: int = Field(
        1024, ge=128, le=4096, description="longest side in pixels of the stored preview"
    )
    preview_quality: int = Field(80, ge=30, le=100, description="JPEG quality of the previews")


class Embed(Section):
    """How a crop becomes a vector."""

    mirror: bool = Field(
        default=True,
        description=(
            "average the vectors of the crop and of its mirror image: better, twice the work"
        ),
    )


class Quality(Section):
    """What more is measured of a face than what costs next to nothing."""

    stability: bool = Field(
        default=False,
        description="how little vectors move with the landmarks: five times the work of a model",
    )
    eye_points: bool = Field(
        default=False,
        description="eyes by dlib's 68 points too: needs the extra `eyes`, not for commercial use",
    )


class Identify(Section):
    """When a face is somebody."""

    strictness: Literal["strict", "balanced", "lenient"] = Field(
        "balanced",
        description="how rarely strangers may count as one person: strict (one pair in 10,000), "
        "balanced (in 1,000), lenient (in 100)",
    )
    threshold: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="similarity to a reference picture that a name needs, in place of strictness",
    )
    # Odds of 20 are a lead of 0.017 with Dlib. Of 84 people of Labeled Faces in the Wild, known by
    # three pictures each, nobody is taken for another so; odds of 5 take one face in 5,000, and
    # half as many strangers more; 150 name 5 % fewer of those who are known (`benchmarks.openset`).
    lead: float = Field(
        20.0,
        ge=1,
        le=1e9,
        description="how many times likelier than the second person a name must be",
    )
    group_threshold: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="mean similarity to a group from which an unknown face joins it, in place of "
        "one pair of strangers in 2,000",
    )
    found_quality: float = Field(
        0.5, ge=0, le=1, description="quality from which an unknown face may found a person"
    )
    # In the made videos of `benchmarks.video` the best face of a clear shot has 0.87 at least, that
    # of a shot blurred by movement 0.5 at most.
    found_track_quality: float = Field(
        0.7, ge=0, le=1, description="the same of the best face of somebody in a video"
    )
    # Of faces of Labeled Faces in the Wild made so poor, against ten people known by three pictures
    # each, 13 % of those who are known are found, and 4 % of them and 5 % of the strangers are
    # taken for another: a name is nearly as often wrong as right.
    named_quality: float = Field(
        0.1, ge=0, le=1, description="quality from which a face may have a name; below, it is asked"
    )


class Video(Section):
    """Which frames of a video are looked at, and what is kept of them."""

    # Of the shots of made videos that last a second or more 0.4 s misses nobody, and whoever comes
    # and goes within a scene is timed to half a second (`benchmarks.video`).
    interval_s: float = Field(
        0.4, gt=0, le=60, description="seconds between two looks where something moves"
    )
    min_interval_s: float = Field(
        0.2, gt=0, le=60, description="the same where much moves far; the most often there is"
    )
    max_interval_s: float = Field(
        2.0, gt=0, le=600, description="the same where nothing moves; the least often there is"
    )
    still: float = Field(
        0.004,
        ge=0,
        le=1,
        description="movement and change, as shares, below which nothing moves",
    )
    dark: float = Field(
        0.12,
        ge=0,
        le=1,
        description="brightness of the brightest hundredth below which a frame is dark",
    )
    faces_per_track: int = Field(
        8, ge=1, le=64, description="best faces that are kept of somebody seen through a scene"
    )
    max_gap_s: float = Field(
        2.5, ge=0, le=60, description="seconds somebody may be out of sight within a scene"
    )
    hardware: bool = Field(
        default=False, description="decode on a graphics card where there is one that can"
    )
    timeout_s: float = Field(
        900.0, gt=0, le=86400, description="seconds a minute of video may take"
    )


class Download(Section):
    """Fetching videos from addresses. Nothing leaves this machine unless it is switched on."""

    enabled: bool = Field(
        default=False, description="fetch what is at addresses, by `rollcall fetch` and .url files"
    )
    max_mb: int = Field(4096, ge=1, le=1048576, description="larger files are not fetched")
    max_minutes: float = Field(300.0, gt=0, le=100000, description="longer videos are not fetched")
    max_items: int = Field(
        50, ge=1, le=10000, description="videos of a list or a page that are fetched at most"
    )
    timeout_s: float = Field(
        120.0, gt=0, le=86400, description="seconds without progress after which it is given up"
    )


class Workers(Section):
    """The processes that decode and infer."""

    count: int = Field(
        0,
        ge=0,
        le=256,
        description="worker processes; 0: as many as this machine's cores and memory serve",
    )
    device: Literal["auto", "cpu", "gpu"] = Field(
        "auto",
        description="where networks run: auto (a usable graphics card, else the processor), cpu, "
        "gpu (the same as auto, and an error of `rollcall doctor` where it cannot be)",
    )
    executor: Literal["local"] = Field("local", description="where tasks run: local processes")
    idle_s: float = Field(
        30.0, ge=0, le=86400, description="seconds without work after which workers end"
    )
    batch: int = Field(
        16,
        ge=1,
        le=256,
        description="photos in one task; their faces go through the models together",
    )
    timeout_s: float = Field(
        120.0, gt=0, le=86400, description="seconds one photo may take before its worker is ended"
    )
    memory_mb: int = Field(
        6144, ge=0, le=1048576, description="memory one worker may take; 0: no limit"
    )
    recycle: int = Field(
        3000, ge=1, le=1000000, description="photos after which a worker is replaced by a fresh one"
    )
    recycle_mb: int = Field(
        0,
        ge=0,
        le=1048576,
        description="memory above which a worker is replaced between two tasks; 0: twice what its "
        "models need",
    )


class Jobs(Section):
    """What happens when work fails."""

    max_attempts: int = Field(4, ge=1, le=100, description="attempts before a file is quarantined")
    retry_s: float = Field(
        60.0,
        ge=0,
        le=86400,
        description="wait before the second attempt; it grows fourfold each time",
    )


class Export(Section):
    """What `rollcall export` writes for programs and people beside Rollcall."""

    # As good as a reference picture must be, so that what is exported may become one.
    min_quality: float = Field(
        0.35, ge=0, le=1, description="quality from which a face is exported as a picture"
    )
    crops: int = Field(
        12, ge=0, le=1000, description="pictures of each person: the best and most different"
    )


# What is in a header of every page must hold nothing that begins another policy.
_TILES: Final = re.compile(
    r"https?://[A-Za-z0-9.-]+(:\d+)?/(?=[^ ]*\{z\})(?=[^ ]*\{x\})(?=[^ ]*\{y\})"
    r"[A-Za-z0-9._~/{}?&=%@:+-]*"
)


class Web(Section):
    """The Datasette that `serve` starts."""

    host: str = Field(
        "127.0.0.1", min_length=1, description="address to listen on; only this machine by default"
    )
    port: int = Field(8001, ge=1, le=65535, description="port to listen on")
    vectors: bool = Field(default=False, description="show face vectors to SQL in the browser")
    password: str | None = Field(
        None,
        description="hash of the password without which nobody sees or changes anything; "
        "`rollcall web password` writes it",
    )
    guests: bool = Field(
        default=False, description="who has not the password may look, and change nothing"
    )
    hosts: Annotated[tuple[str, ...], BeforeValidator(_one_or_many)] = Field(
        (),
        description="names under which the pages are asked for, beside this machine's own: of a "
        "proxy, say",
    )
    upload_mb: int = Field(
        4096, ge=1, le=1048576, description="larger files are not taken from the browser"
    )

    tiles: str = Field(
        "",
        description="where the tiles of the map of places come from, such as "
        "`https://tiles.example.org/{z}/{x}/{y}.png`; that server then learns which parts of the "
        "world you look at. Empty: nothing is asked",
    )
    tiles_credit: str = Field("", description="whom to thank for the tiles, below the map")

    @field_validator("tiles")
    @classmethod
    def _is_of_tiles(cls, value: str) -> str:
        if value and not _TILES.fullmatch(value):
            raise ValueError(
                "is not like https://tiles.example.org/{z}/{x}/{y}.png; leave it empty for no tiles"
            )
        return value

    @field_validator("password")
    @classmethod
    def _is_a_hash(cls, value: str | None) -> str | None:
        if value is None:
            return None
        from catalog.browse.credentials import CredentialError, check_hash

        try:
            return check_hash(value)
        except CredentialError as error:
            raise ValueError(str(error)) from error


class Log(Section):
    """What is written down about the work itself."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least important messages shown"
    )
    keep_rows: int = Field(
        100_000, ge=100, le=100_000_000, description="rows kept in the catalog's log"
    )


class Settings(Section):
    """All sections. `source` is the file they came from, None for the built-in defaults."""

    paths: Paths = Field(default_factory=Paths)
    models: Models = Field(default_factory=Models)
    intake: Intake = Field(default_factory=Intake)
    detect: Detect = Field(default_factory=Detect)
    crops: Crops = Field(default_factory=Crops)
    embed: Embed = Field(default_factory=Embed)
    quality: Quality = Field(default_factory=Quality)
    identify: Identify = Field(default_factory=Identify)
    video: Video = Field(default_factory=Video)
    download: Download = Field(default_factory=Download)
    workers: Workers = Field(default_factory=Workers)
    jobs: Jobs = Field(default_factory=Jobs)
    export: Export = Field(default_factory=Export)
    web: Web = Field(default_factory=Web)
    log: Log = Field(default_factory=Log)
    source: Path | None = Field(None, exclude=True)

    @property
    def catalog(self) -> Path:
        """The SQLite catalog; `crops.db` lies beside it."""
        return self.paths.state / "catalog.db"


def sections() -> dict[str, type[Section]]:
    """The tables of config.toml by name, in the order of the file."""
    found = {}
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            found[name] = info.annotation
    return found
