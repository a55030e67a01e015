"""The layouts of the files between the steps, but for those of measures, which declare their own."""

from __future__ import annotations

from closerlook.layout import Column, Layout
from closerlook.spec import Ensemble
from closerlook.things import KNOWN_ONCE, ThingError, room

MEMBER, EXAMPLE, HISTORY = ("member",), ("example",), ("member", "epoch")

LAYOUTS = {
    "data": Layout(
        {
            "train/images": Column(
                "uint8", ("training example", "channel", "row", "column"), "official order, 0 to 255"
            ),
            "train/labels": Column("uint8", ("training example",), "class, from 0"),
            "test/images": Column(
                "uint8",
                ("test example", "channel", "row", "column"),
                "the official test split; nothing reads it so far",
            ),
            "test/labels": Column("uint8", ("test example",), "class, from 0"),
        },
        {"name": "text", "licence": "text", "source": "text", "sha256": "JSON"},
        {"training": "number", "classes": "number"},
    ),
    "noise": Layout(
        {
            "seed-{seed}/index": Column(
                "int32", EXAMPLE, "the training examples of the seed: positions in `train/images`, ascending"
            ),
            "seed-{seed}/true_labels": Column("uint8", EXAMPLE, "their official labels"),
            "seed-{seed}/rank": Column(
                "int32",
                EXAMPLE,
                "a random permutation; at level L the examples with rank below L × examples (rounded, halves up) are "
                "corrupted",
            ),
            "seed-{seed}/noise_labels": Column(
                "uint8",
                EXAMPLE,
                "of noise that replaces labels: the label when corrupted; uniform over all classes, so it may be the "
                "true one",
            ),
            "seed-{seed}/noise_inputs": Column(
                "float32",
                ("example", "..."),
                "of noise that replaces inputs: the input when corrupted, in [0, 1] pixel units, not clipped",
            ),
        },
        {
            "noise": "text",
            "dataset": "text",
            "image_size": "number",
            "examples": "number",
            "seeds": "number",
            "data_sha256": "text",
            "convention": "text",
            "preprocessing": "JSON",
        },
    ),
    "trained": Layout(
        {
            "members/{factor}": Column("iufO", MEMBER, "in what members differ or may: `seed`, `noise`, `level`, ..."),
            "history/train_loss": Column(
                "float32",
                HISTORY,
                "mean over the member's own training set, after the epoch, without regularisers",
            ),
            "history/train_accuracy": Column(
                "float32", HISTORY, "share classified as labelled, corrupted labels included"
            ),
            "history/train_accuracy_clean": Column("float32", HISTORY, "over the uncorrupted examples; NaN: none"),
            "history/train_accuracy_noise": Column("float32", HISTORY, "over the corrupted examples; NaN: none"),
            "history/validation_loss": Column("float32", HISTORY, "on the clean validation examples"),
            "history/validation_accuracy": Column("float32", HISTORY, "on the clean validation examples"),
            "outcome/diverged": Column("bool", MEMBER, "its training loss exceeded 100 nats an example, or was NaN"),
            "outcome/fit_epoch": Column(
                "float32", MEMBER, "first evaluated epoch (from 1) with every training example right; NaN: never"
            ),
            "outcome/epochs": Column("int32", MEMBER, "epochs that it was trained for"),
            "answers/step": Column(
                "int32", ("look",), "updates after which the next was recorded; absent unless asked for", optional=True
            ),
            "answers/labels": Column(
                "uint16",
                ("member", "asked example"),
                "labels, as trained on, of the first training examples",
                optional=True,
            ),
            "answers/correct": Column(
                "uint8",
                ("member", "look", "byte"),
                "which of them were classified as labelled: bits as of `numpy.packbits`, first example first",
                optional=True,
            ),
            "checkpoints/{name}/epoch": Column("float32", MEMBER, "when the state was kept, in epochs; NaN: never"),
            "checkpoints/{name}/loss": Column("float32", MEMBER, "the training loss then"),
            "checkpoints/{name}/{parameter}": Column(
                "float32", ("member", "..."), "the parameters; NaN where never reached"
            ),
        },
        {"spec": "text", "versions": "JSON", "device": "text"},
    ),
    "resume": Layout(
        {
            "stack": Column("i", (), "stacks that are done"),
            "epoch": Column("i", (), "epochs that are done of the one under way"),
            "factor": Column("f", (), "learning rate over the first"),
            "numbers": Column("i", ("running",), "members still training"),
            "parameters": Column("f", ("running", "parameter"), "theirs"),
            "optimizer/{name}": Column("biuf", None, "what the optimiser remembers of them"),
            "optimizer/{group}/{name}": Column("biuf", None, "what the optimiser remembers of them"),
            "record/{name}": Column("biuf", None, "what is recorded of all members"),
            "record/{group}/{name}": Column("biuf", None, "what is recorded of all members"),
        },
        {"identity": "JSON"},
    ),
}
"""By the word that `closerlook.store.read` and `create` take."""


def layout_of(name: str) -> Layout:
    """Return the layout of a kind of file: one of `LAYOUTS`, or that of a measure.

    Raises
    ------
    closerlook.things.ThingError
        If there is neither.
    """
    if name in LAYOUTS:
        return LAYOUTS[name]
    if name not in room("measures"):
        others = f"{', '.join(LAYOUTS)}; {', '.join(room('measures').names())}"
        raise ThingError(f"no kind of file and no measure '{name}' is known here ({others}); {KNOWN_ONCE}")
    return room("measures")[name].layout


def sizes(spec: Ensemble) -> dict[str, int]:
    """Return the sizes of dimensions that a specification settles."""
    asked = spec.answers.asked
    return {
        "member": len(spec.members),
        "epoch": spec.epochs,
        "look": len(spec.answers.steps),
        "asked example": asked,
        "byte": -(-asked // 8),
    }
