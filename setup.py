"""Packaging: the wheel carries the manifest and the weights inside the package."""

from pathlib import Path
from shutil import copy2

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithData(build_py):
    """Copy what lies at the top of the checkout to where an installed package looks for it."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if self.editable_mode:  # a checkout is used as it lies
            return
        target = Path(self.build_lib) / "vsdeblur"
        for file in [ROOT / "plugin_manifest.toml", *sorted((ROOT / "weights").rglob("*"))]:
            # Where training goes on is for those who have the checkout.
            if file.suffix in (".toml", ".safetensors", ".md") and file.stem != "start":
                copy = target / file.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy2(file, copy)


EVALUATE = [
    "torchmetrics>=1.4",
    "scikit-image>=0.25",
    "opencv-python-headless>=4.10",
]
TRAIN = ["lightning-fabric>=2.5", "opencv-python-headless>=4.10", "tensorboard>=2.18"]
SEQUENCE = ["opencv-python-headless>=4.10"]
EXPORT = ["onnx>=1.18", "onnxscript>=0.7"]
# TensorRT for RTX runs engines on GeForce and RTX cards; they are built anywhere.
TRT_RTX = ["tensorrt-rtx>=1.6", *EXPORT]
# Torch-TensorRT, for all NVIDIA cards, holds PyTorch at the version that it was made for.
TRT = ["torch-tensorrt>=2.13"]
# OpenVINO runs networks on CPUs and on Intel's graphics and neural processors. It is no plain
# dependency: it is 60 MB, and the first start of each model exports and times it for seconds.
OPENVINO = ["openvino>=2025.2", *EXPORT]
# Live streams tell Prometheus how they do.
METRICS = ["prometheus-client>=0.20"]
PERCEPTUAL = ["torchvision>=0.26"]
DEMO = ["scikit-image>=0.25", "vapoursynth-bestsource>=15"]

setup(
    name="vsdeblur",
    version="0.2.0",
    description="Motion deblurring for VapourSynth and the command line, with the training code",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.12",
    packages=find_packages(include=["vsdeblur", "vsdeblur.*"]),
    package_data={
        "vsdeblur": [
            "py.typed",
            "benchmark/*.vpy",
            "demo/*.vpy",
            "preview/*.html",
            "train/recipes/*.toml",
            "evaluate/report/*.html",
            "evaluate/report/*.toml",
        ]
    },
    cmdclass={"build_py": BuildWithData},
    entry_points={"console_scripts": ["vsdeblur = vsdeblur.cli.main:main"]},
    install_requires=[
        "torch>=2.11",
        "numpy>=2.0",
        "safetensors>=0.5",
        "vapoursynth>=74",
        "av>=19",
        "pillow>=11",
        "click>=8.1",
        "rich>=14",
        "platformdirs>=4.3",
        "tifffile>=2024.8",
        "filelock>=3.16",
        "jinja2>=3.1",
    ],
    extras_require={
        "train": TRAIN,
        "evaluate": EVALUATE,
        "demo": DEMO,
        "sequence": SEQUENCE,
        "export": EXPORT,
        "trt-rtx": TRT_RTX,
        "trt": TRT,
        "openvino": OPENVINO,
        "perceptual": PERCEPTUAL,
        "metrics": METRICS,
        "heif": ["pillow-heif>=1.0"],
        "dev": [
            *TRAIN,
            *EVALUATE,
            *DEMO,
            *TRT_RTX,
            *METRICS,
            "onnxruntime>=1.22",
            "pytest>=8",
            "playwright>=1.50",
            "setuptools>=77",
            "ruff>=0.12",
            "mypy>=1.16",
            "import-linter>=2.3",
        ],
    },
)
