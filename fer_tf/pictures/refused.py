"""Why a picture is not read, where a caller such as the service tells one reason from another."""

from __future__ import annotations

from fer_tf.errors import FerError


class UnknownFormat(FerError):
    """The data are no picture of a format that is read."""


class TooManyPixels(FerError):
    """A picture, or all frames of one, is larger than may be read."""
