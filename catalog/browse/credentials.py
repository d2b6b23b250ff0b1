"""The password of the pages, tokens for programs, and the key that signs cookies.

Passwords are kept as scrypt hashes (Percival, Josefsson: RFC 7914; its parameters for interactive
logins), tokens, which are random and long, as SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from catalog.errors import RollcallError

_COST, _BLOCK, _LANES = 1 << 14, 8, 1
_SALT_BYTES, _KEY_BYTES, _TOKEN_BYTES = 16, 32, 32
_LEAST_BYTES = 8
_MARK: Final = "scrypt"
TOKEN_PREFIX: Final = "rct_"  # noqa: S105 - what tokens begin with
LEAST_PASSWORD: Final = 8
MOST_PASSWORD: Final = 1024


class CredentialError(RollcallError):
    """A password, a hash or the file with secrets is not as it must be."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What lets a program in: the SHA-256 of the token, what it is for, and whether it may
    change.
    """

    sha256: str
    name: str
    may_change: bool


def hashed(password: str) -> str:
    """The hash to keep. Raises CredentialError where the password is too short or too long."""
    if len(password) < LEAST_PASSWORD:
        raise CredentialError(f"a password has {LEAST_PASSWORD} characters at least")
    if len(password) > MOST_PASSWORD:
        raise CredentialError(f"a password has {MOST_PASSWORD} characters at most")
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _key(password, salt, _COST, _BLOCK, _LANES)
    shown = (base64.b64encode(it).decode("ascii") for it in (salt, key))
    return "$".join((_MARK, str(_COST), str(_BLOCK), str(_LANES), *shown))


def check_hash(text: str) -> str:
    """The same hash. Raises CredentialError where it is none."""
    _parts(text)
    return text


def fits(password: str, kept: str) -> bool:
    """Whether the password is the one whose hash is kept, in a time that does not tell how
    nearly.
    """
    cost, block, lanes, salt, key = _parts(kept)
    if len(password) > MOST_PASSWORD:
        return False
    return hmac.compare_digest(_key(password, salt, cost, block, lanes), key)


def _parts(text: str) -> tuple[int, int, int, bytes, bytes]:
    try:
        mark, cost, block, lanes, salt, key = text.split("$")
        found = (
            int(cost),
            int(block),
            int(lanes),
            base64.b64decode(salt, validate=True),
            base64.b64decode(key, validate=True),
        )
        # Others would be a server that works for minutes, or a hash that is none.
        cost_is_sound = found[0].bit_count() == 1 and 1 << 10 <= found[0] <= 1 << 20
        sound = mark == _MARK and cost_is_sound and 0 < found[1] <= 32 and 0 < found[2] <= 16
        sound = sound and len(found[3]) >= _LEAST_BYTES and len(found[4]) >= _LEAST_BYTES
    except ValueError:
        sound = False
    if not sound:
        raise CredentialError("it is no hash of a password; `rollcall web password` makes one")
    return found


def _key(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=cost,
        r=block,
        p=lanes,
        maxmem=256 * cost * block,
        dklen=_KEY_BYTES,
    )


class Secrets:
    """The file of secrets, which only its owner reads: made when it is first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def signing_key(self) -> str:
        """The key that signs cookies: it stays, so that a restart logs nobody out."""
        found = self._read()
        if not isinstance(found.get("signing_key"), str):
            found["signing_key"] = secrets.token_hex(_KEY_BYTES)
            self._write(found)
        return str(found["signing_key"])

    def tokens(self) -> list[Token]:
        """The tokens that are in force."""
        return [Token(**it) for it in self._read().get("tokens", [])]

    def add_token(self, name: str, *, may_change: bool) -> str:
        """A new token, which is told this once."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
        found = self._read()
        digest = hashlib.sha256(token.encode("ascii")).hexdigest()
        added = Token(sha256=digest, name=name, may_change=may_change)
        found["tokens"] = [*found.get("tokens", []), asdict(added)]
        self._write(found)
        return token

    def remove_token(self, name: str) -> int:
        """End the tokens with this name; returns how many."""
        found = self._read()
        before = found.get("tokens", [])
        found["tokens"] = [it for it in before if it["name"] != name]
        self._write(found)
        return len(before) - len(found["tokens"])

    def token(self, text: str) -> Token | None:
        """The token that this is; None where it is none."""
        if not text.startswith(TOKEN_PREFIX):
            return None
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        known = [it for it in self.tokens() if hmac.compare_digest(it.sha256, digest)]
        return known[0] if known else None

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise CredentialError(
                f"{self._path}: cannot be read ({error}); remove it, and make tokens anew"
            ) from error
        return found if isinstance(found, dict) else {}

    def _write(self, found: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".web-")  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(found, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
