"""What this process's networks run on. One worker has one device; its start says which."""

from __future__ import annotations

from daemon.allotment import Engine

_engine = Engine()
_fallback = ""


def use(engine: Engine) -> None:
    """From now on networks are opened on this."""
    global _engine, _fallback
    _engine, _fallback = engine, ""


def chosen() -> Engine:
    """What networks are to be opened on; the processor where nobody chose."""
    return _engine


def fall_back(reason: str) -> None:
    """A network could not be run on the chosen device."""
    global _fallback
    _fallback = reason


def fallback() -> str:
    """Why networks run on the processor although another device was chosen; empty where all do run
    there.
    """
    return _fallback


def of(model: object) -> str:
    """The device that a model says it runs on; those that say nothing run on the processor."""
    return str(getattr(model, "device", "cpu"))
