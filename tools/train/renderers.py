"""Processes that render faces for as long as they are asked, without PyTorch, so that they start at once."""

import multiprocessing
import os
import queue

import numpy as np

from faces import TRAINING_SHARES, render
from faces.textures import bank

BATCH = 8  # faces in a message
HELD_OUT = dict(seed=20000, bank_seed=7)  # score.py's: of a seed and textures that training never sees


class Renderers:
    """`count` processes; make it before PyTorch starts threads or a GPU. First they render the held-out faces."""

    def __init__(self, count: int, seed: int, size: int, held_out: int):
        self._messages = multiprocessing.get_context("fork").Queue(maxsize=4 * count)
        for bank_seed in (0, HELD_OUT["bank_seed"]):
            bank(bank_seed)  # the children share it
        self._processes = [
            multiprocessing.get_context("fork").Process(
                target=_render, args=(self._messages, seed, size, held_out, first, count), daemon=True
            )
            for first in range(count)
        ]
        for process in self._processes:
            process.start()

    def take(self, wait: float = 0):
        """(is it held out, pictures [n, size, size, 3], labels [n, size, size]), both uint8; None where none is yet."""
        try:
            return self._messages.get(timeout=wait) if wait else self._messages.get_nowait()
        except queue.Empty:
            return None

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        self._messages.cancel_join_thread()


def _render(messages, seed, size, held_out, first, count):
    import cv2

    cv2.setNumThreads(1)
    os.nice(5)  # the process that feeds the GPU comes first

    def put(is_held_out, faces):
        messages.put((is_held_out, np.stack([f.picture for f in faces]), np.stack([f.label for f in faces])))

    own = range(first, held_out, count)
    for start in range(0, len(own), BATCH):
        put(True, [render(HELD_OUT["seed"], i, size, HELD_OUT["bank_seed"]) for i in own[start : start + BATCH]])
    place = first * BATCH
    while True:
        put(False, [render(seed, i, size, shares=TRAINING_SHARES) for i in range(place, place + BATCH)])
        place += count * BATCH
