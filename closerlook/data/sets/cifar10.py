"""CIFAR-10: small colour photographs (Krizhevsky 2009).

Its pixel arrays have no published SHA-256: `check_cifar` says what stands in for it.
"""

from closerlook.data.sets import DataSet, Source

dataset = DataSet(
    title="CIFAR-10",
    licence="none stated; its authors ask to cite Krizhevsky (2009)",
    image_shape=(3, 32, 32),
    classes=10,
    training=45_000,
    validation=5_000,
    test=10_000,
    citation="krizhevsky2009",
    sha256={
        "train/labels": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "test/labels": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    },
    read_folder="cifar_from_folder",
    sources=(
        Source("University of Toronto", "cifar_from_web", "https://www.cs.toronto.edu/~kriz/"),
        Source(
            "Swift for TensorFlow mirror",
            "cifar_from_web",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        ),
    ),
    check="check_cifar",
)
