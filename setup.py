"""The networks that ship lie beside the package and are part of it, which pyproject can not say."""

from setuptools import find_packages, setup

FOLDERS = {
    f"fer_tf.saved_models.{name}": f"saved_models/{name}" for name in ("mit_b0_fusion", "nano")
}

setup(packages=[*find_packages(include=["fer_tf*"]), *FOLDERS], package_dir=FOLDERS)
