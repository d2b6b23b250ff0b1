"""What yt-dlp finds at an address, fetched video by video.

A list is walked by us and not by yt-dlp: each video that ends is told at once, and one that fails
takes nothing with it. See yt-dlp's README, "Embedding yt-dlp", and `YoutubeDL.extract_info`.
"""

from __future__ import annotations

import hashlib
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yt_dlp
from yt_dlp.utils import YoutubeDLError

from daemon.errors import BadFile
from daemon.intake import contents, film

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from daemon.downloads.child import Wanted

# Lists in lists in lists: a channel, its lists, their videos.
_DEPTH: Final = 5
_KEPT_LINES: Final = 20
_MB: Final = 1 << 20
_OPTIONS: Final = (
    # Nothing that lies on this machine decides what is done, and nothing of it is sent.
    "--ignore-config", "--no-cache-dir", "--no-cookies", "--no-cookies-from-browser",
    "--no-update", "--no-exec", "--no-batch-file",
    # One file, which needs no other program to be put together.
    "--format", "best/bestvideo", "--no-embed-metadata", "--fixup", "never",
    "--no-overwrites", "--continue", "--retries", "3", "--socket-timeout", "20",
    "--abort-on-error", "--no-progress", "--windows-filenames",
)  # fmt: skip
# What a video in a list has from the list where its own entry says nothing of it.
_FROM_LIST: Final = ("extractor", "extractor_key", "webpage_url", "original_url")
# What is said where another try gives the same answer.
_FOR_GOOD: Final = (
    "unsupported url", "http error 404", "http error 403", "http error 410", "is not a valid url",
    "private video", "video unavailable", "file:", "no video formats", "requested format",
    "no suitable extractor",
)  # fmt: skip


def visit(wanted: Wanted, say: Callable[..., None]) -> None:
    """Fetch what is at an address, and say of each video what came of it (see `child`)."""
    # No file grows beyond it, whatever a server promised: writing fails, Python has the signal
    # ignored.
    resource.setrlimit(resource.RLIMIT_FSIZE, (wanted.max_bytes, wanted.max_bytes))
    words = _Words(say)
    options = {**yt_dlp.parse_options(list(_OPTIONS)).ydl_opts, "logger": words}
    with yt_dlp.YoutubeDL(options) as site:
        walk = _Visit(site, wanted, words)
        try:
            for info, inherited in walk.videos({"_type": "url", "url": wanted.address}):
                walk.fetch(info, inherited)
        except (YoutubeDLError, OSError) as error:
            walk.broken(error)


class _Words:
    """yt-dlp's messages: any is a sign of life, and the last ones explain what does not come."""

    def __init__(self, say: Callable[..., None]) -> None:
        self.say = say
        self.lines: list[str] = []

    def debug(self, message: str) -> None:
        self.lines = [*self.lines[-_KEPT_LINES:], message]
        self.say("alive")

    info = warning = error = debug


class _Visit:
    """A walk over everything that an address leads to."""

    def __init__(self, site: yt_dlp.YoutubeDL, wanted: Wanted, words: _Words) -> None:
        self._site = site
        self._wanted = wanted
        self._words = words
        self._left = wanted.most
        self._refusal = ""
        site.params["match_filter"] = self._refused
        site.params["max_filesize"] = wanted.max_bytes

    def videos(
        self, entry: dict[str, Any], inherited: dict[str, Any] | None = None, depth: int = 0
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """The videos that an answer of yt-dlp's is, leads to, or lists, each with what it has from
        its list. Lists are read as they are needed.
        """
        kind = entry.get("_type", "video")
        if depth > _DEPTH or self._left <= 0:
            return
        if kind == "url":
            info = self._behind(entry, is_first=depth == 0)
            if info:
                yield from self.videos(info, inherited, depth + 1)
        elif kind in ("playlist", "multi_video", "compat_list"):
            passed = {name: entry[name] for name in _FROM_LIST if entry.get(name)}
            for it in entry.get("entries") or ():
                if it:
                    yield from self.videos(it, passed, depth + 1)
        else:
            yield entry, inherited or {}

    def _behind(self, entry: dict[str, Any], *, is_first: bool) -> dict[str, Any] | None:
        """What a link leads to; within a list, one that leads nowhere is one video missed."""
        address = str(entry["url"])
        if not is_first:
            if address in self._wanted.had:
                return None
            self._words.say("begin", item=address)
        try:
            found: dict[str, Any] | None = self._site.extract_info(
                address, download=False, process=False, ie_key=entry.get("ie_key")
            )
        except YoutubeDLError as error:
            if is_first:
                raise
            self._left -= 1
            self._missed(address, entry.get("title"), *self._reason(error))
            return None
        return found

    def fetch(self, info: dict[str, Any], inherited: dict[str, Any]) -> None:
        """Fetch one video, and say what came of it."""
        self._left -= 1
        item = _identity({**inherited, **info})
        if item in self._wanted.had:
            return
        self._words.say("begin", item=item)
        name = hashlib.sha256(item.encode("utf-8", "replace")).hexdigest()[:16]
        template = str(Path(self._wanted.folder, name)).replace("%", "%%")
        self._site.params["outtmpl"]["default"] = f"{template}.%(ext)s"
        self._refusal, self._words.lines = "", []
        title = info.get("title") or inherited.get("title")
        try:
            done = self._site.process_ie_result(info, download=True, extra_info=inherited) or {}
            path = self._file(done)
            self._check(path)
        except (YoutubeDLError, BadFile, OSError) as error:
            reason, for_good = self._reason(error)
            if for_good:
                for left in Path(self._wanted.folder).glob(f"{name}.*"):
                    left.unlink()
            self._missed(item, title, reason, for_good)
            return
        self._words.say(
            "came",
            item=item,
            path=str(path),
            id=str(done.get("id") or ""),
            title=done.get("title"),
            uploader=done.get("uploader") or done.get("channel"),
        )

    def broken(self, error: Exception) -> None:
        """Say why nothing more is learned of the address."""
        reason, for_good = self._reason(error)
        self._words.say("broken", error=reason, for_good=for_good)

    def _missed(self, item: str, title: str | None, reason: str, for_good: bool) -> None:  # noqa: FBT001 - as `_reason` gives it
        self._words.say("missed", item=item, title=title, error=reason, for_good=for_good)

    def _file(self, done: dict[str, Any]) -> Path:
        for it in done.get("requested_downloads") or ():
            path = Path(it.get("filepath") or "")
            if path.is_file() and path.parent == Path(self._wanted.folder):
                return path
        if any("max-filesize" in it for it in self._words.lines):
            raise BadFile(self._too_large())
        raise BadFile(self._refusal or "yt-dlp fetched nothing, and does not say why")

    def _check(self, path: Path) -> None:
        """Nothing that is no video comes into the inbox, and nothing whose length was not told."""
        with contents.opened(bytes(path)) as file:
            try:
                length_s = film.measured(file).seconds
            except BadFile as error:
                raise BadFile(f"what came is no video: {error}") from error
        if length_s > self._wanted.max_s:
            raise BadFile(self._too_long())

    def _refused(self, info: dict[str, Any], *, incomplete: bool | set[str] = False) -> str | None:
        """yt-dlp's `match_filter`: why this one is not fetched."""
        del incomplete  # what is not known yet is asked for again when it is
        if info.get("is_live") or info.get("live_status") == "is_live":
            self._refusal = "it is still running"
        elif (info.get("duration") or 0) > self._wanted.max_s:
            self._refusal = self._too_long()
        return self._refusal or None

    def _reason(self, error: Exception) -> tuple[str, bool]:
        """Why it does not come, in one line, and whether that stays so."""
        text = " ".join(str(error).removeprefix("ERROR:").split())
        if "File too large" in text:  # RLIMIT_FSIZE
            return self._too_large(), True
        for_good = isinstance(error, BadFile) or any(it in text.lower() for it in _FOR_GOOD)
        return text[:300], for_good

    def _too_large(self) -> str:
        return f"larger than {self._wanted.max_bytes // _MB} MB (download.max_mb)"

    def _too_long(self) -> str:
        return f"longer than {self._wanted.max_s / 60:g} minutes (download.max_minutes)"


def _identity(info: dict[str, Any]) -> str:
    """What tells a video from all others. The generic extractor calls a file what its last part
    says, so that the address belongs to it.
    """
    if info.get("_type") == "url_transparent":
        return str(info["url"])
    return " ".join(str(info.get(it) or "") for it in ("extractor_key", "id", "webpage_url"))
