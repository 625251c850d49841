"""A process with one encoder, which `bench encoder` tells what to do: one word and its numbers.

`python -m raiox_site.bench.encoder_process NAME PICTURES`, where PICTURES is a file as
`encoder_pictures.save` writes it.
"""

import sys
import time
from pathlib import Path
from typing import Any

import django
import psutil

from raiox_site.bench.crew import Answer, serve

MEBIBYTE = 1024 * 1024
FEW = 8


class Measuring:
    def __init__(self, name: str, pictures: Path) -> None:
        from matching.encoder import make_encoder
        from raiox_site.bench import encoder_pictures

        self.encoder = make_encoder(name)
        self.path = pictures
        # No more than a request holds: memory is measured.
        self.pictures = encoder_pictures.read(pictures, limit=FEW)

    def answer(self, question: str) -> Answer:
        """What the method of this name gives; an EncoderError as `error`."""
        from matching.encoder import EncoderError

        word, *numbers = question.split()
        try:
            return dict(getattr(self, f"do_{word}")(*numbers))
        except EncoderError as error:
            return {"error": str(error)}

    def do_load(self) -> Answer:
        """Seconds from nothing (torch or another runtime is not imported) to the first vector,
        the encoder's id and views, MiB of memory (RSS)."""
        start = time.perf_counter()
        self.encoder.encode(self.pictures[:1])
        return {
            "seconds": time.perf_counter() - start,
            "id": self.encoder.id,
            "views": self.encoder.views,
            "memory": _memory(),
        }

    def do_times(self, batch: str, times: str) -> Answer:
        """Seconds per picture of `times` batches; the first is not counted."""
        pictures = self._batch(int(batch))
        spent = []
        for _number in range(int(times) + 1):
            start = time.perf_counter()
            self.encoder.encode(pictures)
            spent.append((time.perf_counter() - start) / len(pictures))
        return {"seconds": spent[1:], "memory": _memory()}

    def do_rate(self, batch: str, seconds: str) -> Answer:
        """How many pictures were encoded, and in what time."""
        pictures, count, start = self._batch(int(batch)), 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < float(seconds):
            self.encoder.encode(pictures)
            count += len(pictures)
        return {"pictures": count, "seconds": spent}

    def do_vectors(self, path: str) -> Answer:
        """Write those of all pictures to a file of numpy, float32 of shape (n, 512)."""
        import numpy as np

        from raiox_site.bench import encoder_pictures

        np.save(path, self.encoder.encode(encoder_pictures.read(self.path)))
        return {}

    def do_work(self) -> Answer:
        """GFLOP of a picture in all its views, as torch counts them in its own operators: a
        multiplication and an addition are two."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        from matching import loading

        net = loading.whole_model(self.encoder.source).visual.eval()
        size = net.image_size[0] if isinstance(net.image_size, tuple) else net.image_size
        # Attention in one operator would not be counted: 5.9 of the 8.7 GFLOP of ViT-B/32.
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            net(torch.zeros(1, 3, size, size))
        return {"gflop": counter.get_total_flops() * self.encoder.views / 1e9}

    def _batch(self, count: int) -> list[Any]:
        repeated = self.pictures * -(-count // len(self.pictures))
        return repeated[:count]


def _memory() -> float:
    return float(psutil.Process().memory_info().rss) / MEBIBYTE


if __name__ == "__main__":
    django.setup()
    serve(Measuring(sys.argv[1], Path(sys.argv[2])).answer)
