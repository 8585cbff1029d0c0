"""How often the FERPlus votes agree with FER2013's labels, by split and class.

    python scripts/measure_votes.py --data fer2013.csv --votes fer2013new.csv

What a network can reach that has learnt the votes to perfection, and the labels not at all.
"""

from __future__ import annotations

import argparse

from _machine import header

from fer_tf.data import load_faces
from fer_tf.data.targets import one_hot, vote_shares
from fer_tf.tasks import FER2013


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="fer2013.csv")
    parser.add_argument("--votes", required=True, help="fer2013new.csv")
    args = parser.parse_args()

    faces = load_faces(args.data, votes=args.votes)
    print(header(), "", sep="\n")
    print("Of the faces with each label, those for which the most votes are for it:")
    for split in ("Training", "PublicTest"):
        part = faces.of(split)
        assert part.votes is not None
        labels = one_hot(part.labels, len(FER2013))
        most = vote_shares(part.votes, labels, faces.task).argmax(axis=1)
        right = most == part.labels
        print(f"\n{split}: {right.mean():.1%} of {len(part):,}")
        for label, name in enumerate(FER2013):
            share = right[part.labels == label].mean()
            print(
                f"  {name:9} {share:6.1%}   labels {(part.labels == label).sum():5,}   "
                f"most votes {(most == label).sum():5,}"
            )


if __name__ == "__main__":
    main()
