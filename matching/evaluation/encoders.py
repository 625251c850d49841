"""Encoders by name, for a comparison: those that cannot be had here are left out, and said."""

from collections.abc import Iterable
from dataclasses import dataclass

from matching.encoder import ClipEncoder, EncoderError, make_encoder
from matching.evaluation.labelled import Skipped
from matching.loading import Source, declare_torchvision_operators

# What open_clip looks for in a repository of the hub, in its order.
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


@dataclass(frozen=True)
class Opened:
    """Encoders, loaded, in the order of their names; and those that were left out."""

    encoders: list[ClipEncoder]
    skipped: list[Skipped]


def opened(names: Iterable[str], *, may_fetch: bool, views: int | None = None) -> Opened:
    """Load each encoder once; weights that are not on this machine are only fetched where
    `may_fetch`: without a network that takes minutes to fail."""
    result = Opened([], [])
    for name in dict.fromkeys(names):
        encoder = make_encoder(name, views=views)
        reason = "" if may_fetch else _absence(encoder.source)
        if not reason:
            try:
                encoder.load()
            except EncoderError as error:
                reason = str(error)
        if reason:
            result.skipped.append(Skipped(name, reason))
        else:
            result.encoders.append(encoder)
    return result


def _absence(source: Source) -> str:
    """Why the weights are not on this machine, where they would have to be fetched."""
    if source.is_random or source.checkpoint is not None or not source.weights:
        return ""
    declare_torchvision_operators()
    import open_clip

    tag = open_clip.get_pretrained_cfg(source.architecture, source.weights)
    # A tag that open_clip does not know is explained when it is loaded.
    if not tag or _is_cached(source, tag):
        return ""
    return f"Its weights are not in {source.cache_dir}; --fetch gets them from the hub."


def _is_cached(source: Source, tag: dict[str, str]) -> bool:
    from huggingface_hub import try_to_load_from_cache

    repository = tag.get("hf_hub", "").strip("/")
    if repository:
        return any(
            isinstance(try_to_load_from_cache(repository, name, source.cache_dir), str)
            for name in HUB_FILES
        )
    return (source.cache_dir / tag.get("url", "").rpartition("/")[2]).is_file()
