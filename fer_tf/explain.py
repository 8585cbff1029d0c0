"""Why: each face, what speaks for its answer, and its salient points, as a picture.

`python -m fer_tf.explain photo.jpg` writes explained/photo-explained.png. `--of Sad` explains
another class than the most probable one, and `--of valence` a value of a network that gives it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from fer_tf import cli
from fer_tf.detecting import Finding
from fer_tf.errors import FerError, shown_path
from fer_tf.explanations.methods import DEFAULT_METHOD, Method
from fer_tf.predicting.opening import open_analyzer

if TYPE_CHECKING:
    import numpy as np

    from fer_tf.vision.analyzer import FaceAnalyzer


@dataclass(frozen=True)
class Explain:
    """Show why: each face, what speaks for its answer, and its salient points, as a picture."""

    pictures: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE_OR_FOLDER")] = ()
    """These pictures are explained, and those in these folders and in the folders in them."""
    method: Method = DEFAULT_METHOD
    """This method makes the saliency map. docs/explanations.md says how faithful each one is."""
    of: str | None = None
    """This class, such as Sad, or this value, such as valence, of those that the network answers is
    explained. If not given, it is each face's most probable class."""
    model: str | None = None
    """The network is a run folder's, a .keras file, or "nano", the small one that ships. If not
    given, it is mit_b0_fusion, which ships, too."""
    size: str | None = None
    """A network that takes any size runs at this one, N or HxW pixels. If not given, it runs at its
    best size."""
    out: Path = Path("explained")
    """The explained pictures are written into this folder."""
    detecting: Finding = field(default_factory=Finding)


def explain(
    args: Explain, step: Callable[[int, int], None] = lambda steps, total: None
) -> Iterator[str]:
    """Explain every picture; yields a line about each face as its panels are written.

    One that can't be read gets a line on stderr, and the others are still done.

    Args:
        args: the command's flags.
        step: called after each picture with 1, and how many there are.

    Raises:
        FerError: the network or the detector can't be used, the network has no such answer, the
            folder can't be written, or, at the end, that pictures could not be read.
    """
    if not args.pictures:
        raise FerError("nothing to explain: expected pictures or folders of pictures")
    from fer_tf.files import mark_for
    from fer_tf.pictures.finding import find_new
    from fer_tf.vision.picture_folder import save_picture

    analyzer = _analyzer(args)
    troubles = 0
    paths = list(find_new(args.pictures, args.out))
    if not paths:
        given = ", ".join(map(shown_path, args.pictures))
        raise FerError(f"{given}: no pictures in there, expected JPEG, PNG or the like")
    for path in paths:
        try:
            faces = _panels(analyzer, path, args)
        except FerError as error:
            print(f"fer_tf: {error}", file=sys.stderr)
            troubles += 1
        else:
            if not faces:
                yield f"{shown_path(path)}: no face was found"
            for number, (told, panels) in enumerate(faces, 1):
                ending = "-explained" if len(faces) == 1 else f"-explained-face{number}"
                name, mark = Path(f"{path.stem}.png"), mark_for([path])
                written = save_picture(args.out, panels, name, ending, mark=mark)
                yield f"{shown_path(written)}: {told}"
        step(1, len(paths))
    if troubles:
        raise FerError(f"{troubles} of {len(paths)} pictures could not be explained")


def _analyzer(args: Explain) -> FaceAnalyzer:
    from fer_tf.trained.model import parse_size
    from fer_tf.vision.explaining import answer_index

    size = None if args.size is None else parse_size(args.size)
    analyzer = open_analyzer(args.model, args.detecting, size=size, explain=True)
    if args.of is not None:
        answer_index(analyzer.task, args.of)
    return analyzer


def _panels(analyzer: FaceAnalyzer, path: Path, args: Explain) -> list[tuple[str, np.ndarray]]:
    """What is said of each face of a picture, and its four panels."""
    from fer_tf.pictures.images import read_image
    from fer_tf.vision.panels import answer

    image = read_image(path)
    found = analyzer.explain(image, method=args.method, target=args.of)
    return [
        (
            answer(each.explanation) + ("" if each.face.sure else f", {each.face.label}"),
            each.panels(image),
        )
        for each in found
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """The command.

    Raises:
        FerError: as of `explain`.
    """
    from fer_tf.progress_bar import progress_bar

    args = cli.parse(Explain, argv, "python -m fer_tf.explain")
    with progress_bar(0, unit="pictures") as (say, step):
        for line in explain(args, step):
            say(line)


if __name__ == "__main__":
    cli.run(main)
