"""The network that ships lies beside the package and is part of it, which pyproject can not say."""

from setuptools import find_packages, setup

NETWORK = "fer_tf.saved_models.mit_b0_fusion"

setup(
    packages=[*find_packages(include=["fer_tf*"]), NETWORK],
    package_dir={NETWORK: "saved_models/mit_b0_fusion"},
)
