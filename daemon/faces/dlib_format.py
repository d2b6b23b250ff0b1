"""Reads the file that holds dlib's face recognition network into plain arrays.

The layout is dlib's serialisation of a network type: the version numbers of the nested layer types,
then the input layer, then the layers from the bottom up, each with its parameters and the (empty)
state that training left behind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daemon.errors import EnvironmentTrouble

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float32]
_HIGHEST_VERSION = (
    3  # of nested layer types; the length of the input layer's name that follows is larger
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """One layer: `kind` is con, affine, relu, max_pool, avg_pool, add_prev or fc.

    `numbers` are, of con: filters, rows, columns, strides (y, x), paddings (y, x); of pools: rows,
    columns, strides, paddings (0 rows: the whole picture); of fc: outputs, inputs. `weights` is
    flat, in the file's order.
    """

    kind: str
    numbers: tuple[int, ...] = ()
    weights: Floats = field(default_factory=lambda: np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The input's mean colour (RGB), its height and width, and the layers from the bottom up."""

    mean: tuple[float, float, float]
    size: tuple[int, int]
    layers: tuple[Layer, ...]


def read_network(data: bytes) -> Network:
    """The network in the bytes of a .dat file. Raises EnvironmentTrouble where they are something
    else.
    """
    try:
        return _network(_Cursor(data))
    except (IndexError, KeyError, ValueError, OverflowError) as error:
        raise EnvironmentTrouble(
            f"not dlib's face recognition network ({error}); fetch the weights again"
        ) from error


class _Cursor:
    """Takes dlib's encodings of single values off the front of the bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise ValueError(f"the file ends at byte {len(self.data)}")
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def integer(self) -> int:
        """A control byte (high bit: negative; low four bits: how many bytes) and a little-endian
        magnitude.
        """
        control = self.take(1)[0]
        magnitude = int.from_bytes(self.take(control & 0x0F), "little")
        return -magnitude if control & 0x80 else magnitude

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        return math.ldexp(mantissa, exponent)

    def text(self) -> str:
        return self.take(self.integer()).decode("ascii")

    def tensor(self) -> Floats:
        if self.integer() != 2:
            raise ValueError(f"unknown tensor version before byte {self.at}")
        shape = [self.integer() for _ in range(4)]
        return np.frombuffer(self.take(4 * math.prod(shape)), "<f4").astype(np.float32)

    def aliases(self, count: int) -> None:
        """Views into a parameter tensor: a version and four dimensions, which `numbers` tell
        already.
        """
        for _ in range(5 * count):
            self.integer()


def _network(cursor: _Cursor) -> Network:
    cursor.integer()
    if cursor.text() != "loss_metric_2":
        raise ValueError("another loss layer")
    cursor.real(), cursor.real()
    while (length := cursor.integer()) <= _HIGHEST_VERSION:
        pass
    if cursor.take(length) != b"input_rgb_image_sized":
        raise ValueError("another input layer")
    mean = (cursor.real(), cursor.real(), cursor.real())
    size = (cursor.integer(), cursor.integer())
    layers = [_layer(cursor)]
    cursor.integer()  # a factor that only the lowest layer has
    while cursor.at < len(cursor.data):
        layers.append(_layer(cursor))
    return Network(mean=mean, size=size, layers=tuple(layers))


def _layer(cursor: _Cursor) -> Layer:
    layer = _READERS[cursor.text()](cursor)
    cursor.take(3)  # whether it was set up, and two more flags of training
    for _ in range(3):
        cursor.tensor()
    return layer


def _convolution(cursor: _Cursor) -> Layer:
    weights = cursor.tensor()
    numbers = tuple(cursor.integer() for _ in range(7))
    cursor.aliases(2)
    _multipliers(cursor)
    return Layer(kind="con", numbers=numbers, weights=weights)


def _affine(cursor: _Cursor) -> Layer:
    weights = cursor.tensor()
    cursor.aliases(2)
    cursor.integer()
    return Layer(kind="affine", weights=weights)


def _dense(cursor: _Cursor) -> Layer:
    numbers = (cursor.integer(), cursor.integer())
    weights = cursor.tensor()
    cursor.aliases(2)
    cursor.integer()
    _multipliers(cursor)
    return Layer(kind="fc", numbers=numbers, weights=weights)


def _pool(kind: str) -> Callable[[_Cursor], Layer]:
    return lambda cursor: Layer(kind=kind, numbers=tuple(cursor.integer() for _ in range(6)))


def _multipliers(cursor: _Cursor) -> None:
    """Learning rates and weight decays."""
    for _ in range(4):
        cursor.real()


_READERS: dict[str, Callable[[_Cursor], Layer]] = {
    "con_4": _convolution,
    "affine_": _affine,
    "fc_2": _dense,
    "max_pool_2": _pool("max_pool"),
    "avg_pool_2": _pool("avg_pool"),
    "relu_": lambda _: Layer(kind="relu"),
    "add_prev_": lambda _: Layer(kind="add_prev"),
}
