"""The crop that each recognition model was trained on: where the five landmarks lie in it, its
size, colours and scaling.

Plain numbers, so that small processes can name a geometry without loading NumPy. A change of a
geometry changes every vector made with it, so it gets a new name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Points5 = tuple[tuple[float, float], ...]
Scaling = Literal["bytes", "unit", "arcface", "facenet2018", "whitened", "vggface"]
"""What a model's authors feed: 0-255 bytes; /255; (x - 127.5)/128; x/127.5 - 1; each picture to
mean 0 and deviation 1; less VGG-Face's mean colour.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """A model's own crop. `points` are pixels: person's right eye, left eye, nose tip, right and
    left mouth corner.
    """

    name: str
    width: int
    height: int
    points: Points5
    colours: Literal["RGB", "BGR"]
    scaling: Scaling
    source: str


# dlib's chip: its mean shape with a quarter of its own size left around it. Eye centres, nose tip
# and mouth corners of that shape lie at (47.5, 46.6), (100.5, 46.6), (74, 76.6), (50.4, 103) and
# (97.6, 103); YuNet marks its points a little wider apart. These are the medians of where they fall
# in the chips that dlib's get_face_chip_details(150, 0.25) cuts from 497 pictures of Labeled Faces
# in the Wild, made symmetric, so that a face and its mirror image land on the same pixels.
_DLIB_150: Final[Points5] = (
    (46.9, 45.4),
    (103.1, 45.4),
    (75.0, 77.0),
    (51.0, 101.4),
    (99.0, 101.4),
)

# Where the five landmarks lie in the box that YuNet and MTCNN draw, as fractions of its sides:
# medians over the same pictures, made symmetric. The box is taller than wide.
BOX_LANDMARKS: Final[Points5] = (
    (0.263, 0.377),
    (0.737, 0.377),
    (0.500, 0.573),
    (0.295, 0.738),
    (0.705, 0.738),
)
_BOX_ASPECT: Final = 0.755

_ARCFACE_112: Final[Points5] = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)


def _around_box(width: int, height: int, *, margin: float) -> Points5:
    """The detector's box in the middle of the crop, `margin` of the crop's size left around it,
    nothing stretched.
    """
    side = height * (1 - margin)
    return tuple(
        (width / 2 + (x - 0.5) * side * _BOX_ASPECT, height / 2 + (y - 0.5) * side)
        for x, y in BOX_LANDMARKS
    )


def _arcface(colours: Literal["RGB", "BGR"], scaling: Scaling) -> Geometry:
    return Geometry(
        name="arcface112-v1",
        width=112,
        height=112,
        points=_ARCFACE_112,
        colours=colours,
        scaling=scaling,
        source="Deng et al., ArcFace, CVPR 2019: similarity to five points",
    )


GEOMETRIES: Final[dict[str, Geometry]] = {
    "Dlib": Geometry(
        name="dlib150-v1",
        width=150,
        height=150,
        points=_DLIB_150,
        colours="RGB",
        scaling="bytes",
        source="King, dlib: get_face_chip_details(150, 0.25), measured",
    ),
    "ArcFace": _arcface("RGB", "arcface"),
    "GhostFaceNet": _arcface("RGB", "arcface"),
    "SFace": _arcface("RGB", "bytes"),
    "Buffalo_L": _arcface("BGR", "bytes"),
    "Facenet": Geometry(
        name="facenet160-v1",
        width=160,
        height=160,
        points=_around_box(160, 160, margin=0.2),
        colours="RGB",
        scaling="whitened",
        source="Sandberg, facenet: MTCNN box with a margin of 32 of 160 pixels",
    ),
    "Facenet512": Geometry(
        name="facenet160-v1",
        width=160,
        height=160,
        points=_around_box(160, 160, margin=0.2),
        colours="RGB",
        scaling="facenet2018",
        source="Sandberg, facenet: MTCNN box with a margin of 32 of 160 pixels",
    ),
    "VGG-Face": Geometry(
        name="vggface224-v1",
        width=224,
        height=224,
        points=_around_box(224, 224, margin=0.23),
        colours="BGR",
        scaling="vggface",
        source="Parkhi et al., Deep Face Recognition, BMVC 2015: face box with room around it",
    ),
    "OpenFace": Geometry(
        name="openface96-v1",
        width=96,
        height=96,
        points=_around_box(96, 96, margin=0.0),
        colours="RGB",
        scaling="unit",
        source="Amos et al., OpenFace, 2016: the landmarks' own bounding box fills the crop",
    ),
    "DeepFace": Geometry(
        name="deepface152-v1",
        width=152,
        height=152,
        points=_around_box(152, 152, margin=0.1),
        colours="RGB",
        scaling="unit",
        source="Taigman et al., DeepFace, CVPR 2014, in two dimensions: box with little room",
    ),
    "DeepID": Geometry(
        name="deepid55x47-v1",
        width=47,
        height=55,
        points=_around_box(47, 55, margin=0.0),
        colours="BGR",
        scaling="unit",
        source="Sun et al., DeepID, CVPR 2014: the box, 55 pixels high and 47 wide",
    ),
}


def geometry_name(model: str, *, mirror: bool) -> str:
    """How the catalog names the way from the stored crop to the vector, for example
    `dlib150-v1+mirror`.
    """
    return GEOMETRIES[model].name + ("+mirror" if mirror else "")
