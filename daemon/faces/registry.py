"""Every detector and recognition model that can be chosen: its files, what it needs installed, and
its licence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["detector", "recognizer"]

_TENSORFLOW: Final = ("tensorflow", "tf_keras")
_NEEDS: Final = {"tensorflow": _TENSORFLOW, "pytorch": ("torch",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model. `files` by DeepFace back end (`any`: whichever); `needs` are packages that must be
    importable, `fetch_needs` those that DeepFace's download of it asks for besides; `dimensions` is
    how many numbers a recognition model makes of a face. `also` are other names that the one file
    may have; `supplied`: it comes from the user and is downloaded nowhere.
    """

    name: str
    kind: Kind
    files: Mapping[str, tuple[str, ...]]
    package: str | None = None
    package_path: str = "."
    needs: tuple[str, ...] = ()
    fetch_needs: tuple[str, ...] = ()
    dimensions: int = 0
    licence: str = ""
    also: tuple[str, ...] = ()
    supplied: bool = False

    def choices(self, environ: Mapping[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The back ends and sets of files that each would do, the best first."""
        usual = tuple((backend, self.files[backend]) for backend in self.backends(environ))
        return (*usual, *(("any", (name,)) for name in self.also))

    def backends(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Keys of `files` to look for, best first: what `DEEPFACE_BACKEND_ENGINE` asks for, else
        ONNX, which needs neither DeepFace nor TensorFlow, before Keras.
        """
        if "any" in self.files:
            return ("any",)
        wanted = environ.get("DEEPFACE_BACKEND_ENGINE", "").strip().lower()
        if wanted in self.files:
            return (wanted,)
        return tuple(backend for backend in ("onnx", "tensorflow") if backend in self.files)

    def weight_files(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """The file names of the best back end."""
        return self.files[self.backends(environ)[0]]

    def needs_for(self, backend: str) -> tuple[str, ...]:
        """The packages without which this back end's files are of no use."""
        return (*self.needs, *_NEEDS.get(backend, ()))


def _by_backend(stem: str, *, keras: str | None = None) -> dict[str, tuple[str, ...]]:
    return {
        "onnx": (f"{stem}.onnx",),
        "tensorflow": (f"{keras or stem}.h5",),
        "pytorch": (f"{stem}.pth",),
    }


_DLIB_MODELS: Final = "face_recognition_models"

_YOLO_SIZES: Final = (
    *("v8n", "v8m", "v8l"),
    *("v11n", "v11s", "v11m", "v11l"),
    *("v12n", "v12s", "v12m", "v12l"),
)

_DETECTORS: Final = (
    ModelEntry(
        name="yunet",
        kind="detector",
        files={"any": ("face_detection_yunet_2023mar.onnx",)},
        licence="MIT",
    ),
    ModelEntry(
        name="mtcnn",
        kind="detector",
        files={"any": ("pnet.lz4", "rnet.lz4", "onet.lz4")},
        package="mtcnn",
        package_path="assets/weights",
        needs=("joblib", "lz4"),
        licence="MIT",
    ),
    ModelEntry(
        name="opencv",
        kind="detector",
        files={"any": ("haarcascade_frontalface_default.xml", "haarcascade_eye.xml")},
        package="cv2",
        package_path="data",
        licence="Intel licence (BSD-like)",
    ),
    ModelEntry(
        name="retinaface",
        kind="detector",
        files={"any": ("retinaface.h5",)},
        needs=("retinaface", *_TENSORFLOW),
        licence="MIT",
    ),
    ModelEntry(
        name="ssd",
        kind="detector",
        files={"any": ("res10_300x300_ssd_iter_140000.caffemodel", "deploy.prototxt")},
        licence="Apache 2.0",
    ),
    ModelEntry(
        name="dlib",
        kind="detector",
        files={"any": ("shape_predictor_5_face_landmarks.dat",)},
        package=_DLIB_MODELS,
        package_path="models",
        needs=("dlib",),
        licence="CC0",
    ),
    ModelEntry(
        name="mediapipe",
        kind="detector",
        files={"any": ()},
        needs=("mediapipe",),
        licence="Apache 2.0",
    ),
    ModelEntry(
        name="fastmtcnn",
        kind="detector",
        files={"any": ()},
        needs=("facenet_pytorch",),
        licence="MIT",
    ),
    ModelEntry(
        name="centerface", kind="detector", files={"any": ("centerface.onnx",)}, licence="MIT"
    ),
    ModelEntry(
        name="scrfd",
        kind="detector",
        files={"any": ("det_10g.onnx",)},
        also=(
            *("det_2.5g.onnx", "det_500m.onnx", "scrfd_10g_bnkps.onnx", "scrfd_10g_kps.onnx"),
            *("scrfd_2.5g_bnkps.onnx", "scrfd_2.5g_kps.onnx"),
            *("scrfd_500m_bnkps.onnx", "scrfd_500m_kps.onnx"),
        ),
        supplied=True,
        licence="non-commercial research only",
    ),
    *(
        ModelEntry(
            name=f"yolo{size}",
            kind="detector",
            files={"any": (f"yolo{size}-face.pt",)},
            needs=("ultralytics",),
            licence="AGPL 3.0 or commercial",
        )
        for size in _YOLO_SIZES
    ),
)

_RECOGNIZERS: Final = (
    ModelEntry(
        name="Dlib",
        kind="recognizer",
        files={"any": ("dlib_face_recognition_resnet_model_v1.dat",)},
        package=_DLIB_MODELS,
        package_path="models",
        dimensions=128,
        licence="CC0",
    ),
    ModelEntry(
        name="SFace",
        kind="recognizer",
        files={"any": ("face_recognition_sface_2021dec.onnx",)},
        dimensions=128,
        licence="Apache 2.0",
    ),
    ModelEntry(
        name="ArcFace",
        kind="recognizer",
        files=_by_backend("arcface_weights"),
        dimensions=512,
        licence="MIT; trained on data for non-commercial research",
    ),
    ModelEntry(
        name="GhostFaceNet",
        kind="recognizer",
        files=_by_backend("ghostfacenet_v1"),
        dimensions=512,
        licence="MIT",
    ),
    ModelEntry(
        name="Facenet",
        kind="recognizer",
        files=_by_backend("facenet_weights"),
        dimensions=128,
        licence="MIT",
    ),
    ModelEntry(
        name="Facenet512",
        kind="recognizer",
        files=_by_backend("facenet512_weights"),
        dimensions=512,
        licence="MIT",
    ),
    ModelEntry(
        name="VGG-Face",
        kind="recognizer",
        files=_by_backend("vgg_face_weights"),
        dimensions=4096,
        licence="CC BY-NC: not for commercial use",
    ),
    ModelEntry(
        name="OpenFace",
        kind="recognizer",
        files=_by_backend("openface_weights"),
        dimensions=128,
        licence="Apache 2.0",
    ),
    ModelEntry(
        name="DeepFace",
        kind="recognizer",
        # Not the Keras file: DeepFace builds its locally connected layers up to TensorFlow 2.12.
        files={
            "onnx": ("VGGFace2_DeepFace_weights_val-0.9034.onnx",),
            "pytorch": ("VGGFace2_DeepFace_weights_val-0.9034.pth",),
        },
        dimensions=4096,
        licence="MIT; trained on VGGFace2, for research",
    ),
    ModelEntry(
        name="DeepID",
        kind="recognizer",
        files=_by_backend("deepid_weights", keras="deepid_keras_weights"),
        dimensions=160,
        licence="MIT",
    ),
    ModelEntry(
        name="Buffalo_L",
        kind="recognizer",
        files={"any": ("buffalo_l/webface_r50.onnx",)},
        fetch_needs=("insightface",),
        dimensions=512,
        licence="non-commercial research only",
    ),
)

MODELS: Final[Mapping[str, ModelEntry]] = {
    model.name: model for model in (*_DETECTORS, *_RECOGNIZERS)
}

_KNOWN: Final = """
face_detection_yunet_2023mar.onnx
8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4
dlib_face_recognition_resnet_model_v1.dat
55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30
shape_predictor_5_face_landmarks.dat
c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888
shape_predictor_68_face_landmarks.dat
fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f
pnet.lz4
ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5
rnet.lz4
cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee
onet.lz4
94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3
haarcascade_frontalface_default.xml
0f7d4527844eb514d4a4948e822da90fbb16a34a0bbbbc6adc6498747a5aafb0
haarcascade_eye.xml
71cc64fc305a355dc60067880f6fbbd43dd155bd63ee3844661a1bda34b2fd8c
"""

KNOWN_SHA256: Final[Mapping[str, str]] = dict(
    zip(_KNOWN.split()[::2], _KNOWN.split()[1::2], strict=True)
)
"""SHA-256 by file name, of the files that were compared with their publishers' own."""
