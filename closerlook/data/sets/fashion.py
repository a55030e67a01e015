"""Fashion-MNIST: photographs of clothes in the form of MNIST (Xiao, Rasul and Vollgraf 2017)."""

from closerlook.data.sets import DataSet, Source

dataset = DataSet(
    title="Fashion-MNIST",
    licence="MIT",
    image_shape=(1, 28, 28),
    classes=10,
    training=50_000,
    validation=10_000,
    test=10_000,
    citation="xiao2017",
    sha256={
        "train/images": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "train/labels": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "test/images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "test/labels": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    },
    read_folder="idx_from_folder",
    folders=("FashionMNIST/raw", "fashion-mnist"),
    sources=(
        Source("Zalando archive", "idx_from_web", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
        Source(
            "Zalando repository",
            "idx_from_web",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        Source(
            "dataset-fashion-mnist (Debian)",
            "idx_from_debian",
            "dataset-fashion-mnist/usr/share/datasets/fashion-mnist",
        ),
    ),
)
