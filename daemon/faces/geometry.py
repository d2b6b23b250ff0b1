"""The crop that each recognition model was trained on: where the five landmarks lie in it, its
size, colours and scaling.

Plain numbers, so that small processes can name a geometry without loading NumPy. A change of a
geometry changes every vector made with it, so it gets a new name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Points5 = tuple[tuple[float, float], ...]
Scaling = Literal["bytes", "unit", "by128", "by127.5", "whitened", "vggface"]
"""What a model's authors feed: 0-255; /255; (x - 127.5)/128; (x - 127.5)/127.5; each picture to
mean 0 and deviation 1; less the mean colour of VGG-Face's pictures.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """A model's own crop. `points` are pixels, from the corner of the first: person's right eye,
    left eye, nose tip, right and left mouth corner.

    `stretch` is how much wider than high a square of the face is drawn, because some authors scale
    a box that is no square to a square.
    """

    name: str
    width: int
    height: int
    points: Points5
    colours: Literal["RGB", "BGR"]
    scaling: Scaling
    source: str
    stretch: float = 1.0


# dlib's chip: its mean shape with a quarter of its own size left around it. Eye centres, nose tip
# and mouth corners of that shape lie at (47.5, 46.6), (100.5, 46.6), (74, 76.6), (50.4, 103) and
# (97.6, 103); YuNet marks its points a little wider apart. These are the medians of where they fall
# in the chips that dlib's get_face_chip_details(150, 0.25) cuts from 497 pictures of Labeled Faces
# in the Wild, made symmetric, so that a face and its mirror image land on the same pixels, and
# drawn 3 % larger around the middle of the chip: of 17 sizes, shifts and weightings of the points
# this told most pairs apart (of all pairs of 3,031 pictures, 93.0 % of the genuine ones at one
# false match in a thousand, 92.6 % before).
_DLIB_150: Final[Points5] = (
    (46.1, 44.5),
    (103.9, 44.5),
    (75.0, 77.1),
    (50.3, 102.2),
    (99.7, 102.2),
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

# The template of ArcFace's authors, as InsightFace's face_align.py and OpenCV's alignCrop have it.
# Like OpenCV's warpAffine it counts from the middle of the first pixel.
INSIGHTFACE_112: Final[Points5] = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
_ARCFACE_112: Final[Points5] = tuple((x + 0.5, y + 0.5) for x, y in INSIGHTFACE_112)

# Sandberg's crop of Labeled Faces in the Wild, by which he measures 99.65 %: MTCNN's box with 16
# pixels of the photograph on every side, clipped to it, its 0.79 times as wide as high region
# scaled to a square. Medians of where YuNet's landmarks fall in it for 450 of those photographs,
# made symmetric.
_FACENET_160: Final[Points5] = (
    (51.3, 65.6),
    (108.7, 65.6),
    (80.0, 90.8),
    (55.4, 110.3),
    (104.6, 110.3),
)
_FACENET_STRETCH: Final = 1 / 0.79

# The middle of a photograph of Labeled Faces in the Wild, half its side: medians of where YuNet's
# landmarks fall in it, as fractions, over the same 450, made symmetric. Those photographs are a
# Viola-Jones box enlarged 2.2 times (Huang et al. 2007), so their middle is that box with a tenth
# more. DeepID's author takes the middle half of YouTube Faces, which are cut the same way (Wolf et
# al. 2011). VGG-Face's take a square of a box's mean side and a tenth more; the detector that drew
# their boxes is not to be had and is taken to draw them as large.
_MIDDLE_HALF: Final[Points5] = (
    (0.325, 0.396),
    (0.675, 0.396),
    (0.500, 0.593),
    (0.353, 0.743),
    (0.647, 0.743),
)

# OpenFace's AlignDlib brings outer eye corners and nose base onto its mean face, whose 68 points
# fill the 96 pixels. Eye centres, nose tip and mouth corners of that mean face lie at (26.6, 16.1),
# (67.8, 15.3), (47.2, 40.5), (29.5, 61.6) and (66.8, 60.9), counted from the middle of a pixel.
# Here are half a pixel and the way from dlib's points to YuNet's, measured in dlib's chip (above)
# and scaled by the distance of the eyes.
_OPENFACE_96: Final[Points5] = (
    (26.7, 15.6),
    (68.8, 14.8),
    (47.7, 41.3),
    (30.4, 60.9),
    (66.8, 60.1),
)

# The loosely cropped pictures of VGGFace2, which DeepFace's author reads: MTCNN's box and 0.3 of it
# more (Cao et al. 2018), drawn as large as 152 pixels allow. MTCNN's box is 0.736 times as wide as
# high; these are the medians of YuNet's landmarks in it over the same 450 photographs.
_MTCNN_BOX: Final[Points5] = (
    (0.257, 0.386),
    (0.743, 0.386),
    (0.500, 0.586),
    (0.294, 0.739),
    (0.706, 0.739),
)
_MTCNN_ASPECT: Final = 0.736
_VGGFACE2_ROOM: Final = 1.3


def _filling(fractions: Points5, width: int, height: int) -> Points5:
    """The crop that these fractions are of, scaled to the whole picture."""
    return tuple((x * width, y * height) for x, y in fractions)


def _loosely_cropped(side: int) -> Points5:
    height = side / _VGGFACE2_ROOM
    return tuple(
        (side / 2 + (x - 0.5) * height * _MTCNN_ASPECT, side / 2 + (y - 0.5) * height)
        for x, y in _MTCNN_BOX
    )


def _arcface(scaling: Scaling, source: str) -> Geometry:
    return Geometry(
        name="arcface112-v2",
        width=112,
        height=112,
        points=_ARCFACE_112,
        colours="RGB",
        scaling=scaling,
        source=source,
    )


def _facenet(scaling: Scaling, source: str) -> Geometry:
    return Geometry(
        name="facenet160-v2",
        width=160,
        height=160,
        points=_FACENET_160,
        colours="RGB",
        scaling=scaling,
        source=source,
        stretch=_FACENET_STRETCH,
    )


GEOMETRIES: Final[dict[str, Geometry]] = {
    "Dlib": Geometry(
        name="dlib150-v2",
        width=150,
        height=150,
        points=_DLIB_150,
        colours="RGB",
        scaling="bytes",
        source="King, dlib: get_face_chip_details(150, 0.25), measured",
    ),
    "ArcFace": _arcface("by128", "Deng et al., CVPR 2019; leondgarse/Keras_insightface, evals.py"),
    "GhostFaceNet": _arcface("by128", "Alansari et al. 2023; HamadYA/GhostFaceNets, evals.py"),
    "SFace": _arcface("bytes", "Zhong et al. 2021; OpenCV, FaceRecognizerSF: alignCrop, feature"),
    "Buffalo_L": _arcface("by127.5", "deepinsight/insightface, model_zoo/arcface_onnx.py"),
    "Facenet": _facenet(
        "whitened", "davidsandberg/facenet 20170512-110547: align_dataset_mtcnn.py, prewhiten"
    ),
    "Facenet512": _facenet(
        "by128", "davidsandberg/facenet 20180402-114759: fixed image standardization"
    ),
    # DeepFace's file was converted from the authors' MatConvNet network, which takes RGB; only
    # their Caffe network takes BGR.
    "VGG-Face": Geometry(
        name="vggface224-v2",
        width=224,
        height=224,
        points=_filling(_MIDDLE_HALF, 224, 224),
        colours="RGB",
        scaling="vggface",
        source="Parkhi et al., BMVC 2015; vgg_face_matconvnet, faceCrop.m: a tenth more than a box",
    ),
    "OpenFace": Geometry(
        name="openface96-v2",
        width=96,
        height=96,
        points=_OPENFACE_96,
        colours="RGB",
        scaling="unit",
        source="Amos et al. 2016; cmusatyalab/openface, align_dlib.py: OUTER_EYES_AND_NOSE",
    ),
    "DeepFace": Geometry(
        name="deepface152-v2",
        width=152,
        height=152,
        points=_loosely_cropped(152),
        colours="RGB",
        scaling="unit",
        source="Taigman et al., CVPR 2014; swghosh/DeepFace, dataset.py: VGGFace2, padded to 152",
    ),
    "DeepID": Geometry(
        name="deepid55x47-v2",
        width=47,
        height=55,
        points=_filling(_MIDDLE_HALF, 47, 55),
        colours="RGB",
        scaling="by127.5",
        source="Sun et al., CVPR 2014; Ruoyiran/DeepID, crop.py, test.py: middle half of a photo",
        stretch=47 / 55,
    ),
}


def geometry_name(model: str, *, mirror: bool) -> str:
    """How the catalog names the way from the stored crop to the vector, for example
    `dlib150-v2+mirror`.
    """
    return GEOMETRIES[model].name + ("+mirror" if mirror else "")
