"""The daemon: watches folders, finds and recognises faces, and hands what it found to the
catalog.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("rollcall-catalog")
except PackageNotFoundError:  # run from a folder that was never installed
    __version__ = "0+unknown"
