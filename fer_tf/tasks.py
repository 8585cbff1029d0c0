"""The label vocabularies, each in the order of its data set's own files.

Orders differ between data sets, and image folders sort alphabetically: index i
means nothing without the vocabulary it indexes.
"""

FER2013 = ("Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral")
"""Order of the `emotion` column of fer2013.csv (Goodfellow et al., 2013)."""

FERPLUS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
"""Order of the vote columns of fer2013new.csv (Barsoum et al., 2016); NF is "not a face"."""

AFFECTNET = ("Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger", "Contempt")
"""Order of AffectNet's eight classes (Mollahosseini et al., 2017)."""

FERPLUS_TO_FER2013 = (6, 3, 5, 4, 0, 1, 2)
"""`FER2013` index of each of the first seven `FERPLUS` columns; the last three have none."""
