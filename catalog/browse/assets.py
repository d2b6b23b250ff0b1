"""Where the plugin's own stylesheet and scripts are served."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"


def stylesheet_address() -> str:
    """Where the stylesheet is."""
    return address_of("rollcall.css")


@cache
def address_of(name: str) -> str:
    """A file's path on the server, with a digest of its content, so that a browser never shows an
    old one.
    """
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:8]
    return f"/-/static-plugins/{_plugin_name()}/{name}?{digest}"


def _plugin_name() -> str:
    """Datasette names a plugin's static folder by its distribution, or by its module where it
    came without one.
    """
    # At import this would close a circle: that module imports the plugins, and this one with them.
    from datasette.plugins import pm

    module = sys.modules["catalog.browse"]
    distribution = dict(pm.list_plugin_distinfo()).get(module)
    return str(distribution.project_name) if distribution else module.__name__
