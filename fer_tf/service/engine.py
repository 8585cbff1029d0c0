"""From files to answers: decoded and searched several at a time, recognised as batches."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fer_tf.cores import cores
from fer_tf.errors import FerError
from fer_tf.explanations.methods import DEFAULT_METHOD
from fer_tf.pictures.decoding import SECONDS, decoding
from fer_tf.service.batcher import Batcher
from fer_tf.service.counters import Counters
from fer_tf.service.intake import Upload
from fer_tf.service.settings import Job
from fer_tf.shipped import SHIPPED_NETWORK
from fer_tf.vision.analyzer import FaceAnalyzer, whole_picture
from fer_tf.vision.crops import Crop
from fer_tf.vision.detectors import OneEach, open_detector
from fer_tf.vision.explaining import ExplainedFace
from fer_tf.vision.results import NO_FACE, Analysis, Detection, Face

MOST_EXPLAINED = 8
"""Faces of a picture that are explained, best detector score first."""

_DETECTORS = 4  # of other sizes than the usual one that are kept


@dataclass(frozen=True)
class Ask:
    """What is wanted of a picture.

    Attributes:
        cropped: it is a face already: none is looked for.
        detect_size: pixels of the longer side at which it is searched; None for the usual.
        explain: whether saliency maps are wanted.
    """

    cropped: bool = False
    detect_size: int | None = None
    explain: bool = False


@dataclass(frozen=True)
class Seen:
    """A picture's answer.

    Attributes:
        analysis: its faces.
        explained: the first ones of them, where that was asked for.
        trouble: why it could not be read; None where it could.
    """

    analysis: Analysis
    explained: Sequence[ExplainedFace] = ()
    trouble: FerError | None = None


@dataclass(frozen=True)
class _Found:
    """A picture's faces before they are recognised; its pixels are not kept."""

    width: int
    height: int
    detections: list[Detection]
    crops: list[Crop]


class Engine:
    """Answers for pictures, within one event loop.

    Args:
        job: the network and the limits.
        counters: are told what was done.

    Attributes:
        model: the network's name.

    Raises:
        FerError: the network or the detector can't be used; Keras is missing where answers are to
            be explained.
    """

    def __init__(self, job: Job, counters: Counters):
        settings, self._counters = job.settings, counters
        self._settings, self._detecting = settings, job.detecting
        share = max(1, cores() // job.workers)
        self._analyzer = FaceAnalyzer(
            job.model,
            **job.detecting,
            threads=share if job.workers > 1 else None,
            min_certainty=settings.min_certainty,
            tta=settings.tta,
        )
        if settings.explain:
            self._analyzer.explainer.open()
        self.model = SHIPPED_NETWORK if job.model is None else Path(job.model).name
        # One more than there are cores to itself, or a picture that takes long would stop others.
        self._searching = max(2, share)
        self._detector = lru_cache(_DETECTORS)(self._open_detector)

    async def __aenter__(self) -> Engine:
        async with AsyncExitStack() as stack:
            seconds = min(SECONDS, self._settings.timeout_s)
            self._decode = stack.enter_context(decoding(self._searching, seconds))
            self._search_threads = ThreadPoolExecutor(self._searching, "fer_tf-search")
            self._explain_thread = ThreadPoolExecutor(1, "fer_tf-explain")
            for threads in (self._search_threads, self._explain_thread):
                stack.callback(threads.shutdown, wait=False, cancel_futures=True)
            self._batcher: Batcher[_Found, tuple[Face, ...]] = await stack.enter_async_context(
                Batcher(
                    self._recognize,
                    seconds=self._settings.batch_ms / 1000,
                    most=self._settings.max_batch,
                    observe=self._counters.batches.observe,
                )
            )
            self._open = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def analyze(self, uploads: Sequence[Upload], ask: Ask) -> list[Seen]:
        """The answers for pictures, in their order; one that can't be read has its trouble.

        Args:
            uploads: the files.
            ask: what is wanted of each.
        """
        return await asyncio.gather(*(self._seen(upload, ask) for upload in uploads))

    async def _seen(self, upload: Upload, ask: Ask) -> Seen:
        loop = asyncio.get_running_loop()
        search = loop.run_in_executor(self._search_threads, self._search, upload, ask)
        try:
            found, faces = await self._batcher(search)
        except FerError as error:
            return Seen(Analysis((), str(error), readable=False, source=upload.name), (), error)
        self._counters.pictures.inc()
        self._counters.faces.inc(len(faces))
        why = "" if faces else NO_FACE
        analysis = Analysis(faces, why, True, found.width, found.height, upload.name)
        if not (ask.explain and faces):
            return Seen(analysis)
        explained = await loop.run_in_executor(self._explain_thread, self._explain, faces, found)
        return Seen(analysis, explained)

    def _search(self, upload: Upload, ask: Ask) -> _Found:
        most = self._settings.max_megapixels * 10**6
        pixels = self._decode(upload.name, upload.data, None, most)
        height, width = pixels.shape[:2]
        if ask.cropped:
            whole = self._analyzer.whole_face(pixels)
            return _Found(width, height, [whole_picture(pixels)], [whole])
        size = ask.detect_size
        detector = self._analyzer.detector if size is None else self._detector(size)
        detections = detector.detect(pixels)
        crops = [self._analyzer.crop(pixels, detection) for detection in detections]
        return _Found(width, height, detections, crops)

    def _recognize(self, batch: list[_Found]) -> list[tuple[Face, ...]]:
        return self._analyzer.answer(
            [found.detections for found in batch],
            [crop.pixels for found in batch for crop in found.crops],
        )

    def _explain(self, faces: Sequence[Face], found: _Found) -> list[ExplainedFace]:
        return self._analyzer.explainer.explain(
            faces[:MOST_EXPLAINED],
            found.crops[:MOST_EXPLAINED],
            method=DEFAULT_METHOD,
            target=None,
        )

    def _open_detector(self, size: int) -> OneEach:
        return open_detector(**{**self._detecting, "detect_size": size})
