"""What the training minimises. Vectors are of length 1; labels are whole numbers, shape (n,)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

TEMPERATURE = 0.1


def supervised_contrastive(
    vectors: "torch.Tensor", labels: "torch.Tensor", *, temperature: float = TEMPERATURE
) -> "torch.Tensor":
    """SupCon, outer form (Khosla 2020, arXiv 2004.11362, equation 2), of vectors (n, d).

    Each vector is drawn to all others of its label and away from the rest.
    """
    import torch

    logits = vectors @ vectors.T / temperature
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    logits = logits.masked_fill(itself, float("-inf"))
    alike = (labels[:, None] == labels[None, :]) & ~itself
    log_share = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    chosen = torch.where(alike, log_share, torch.zeros_like(log_share))
    per_vector = chosen.sum(dim=1) / alike.sum(dim=1).clamp(min=1)
    return -per_vector[alike.any(dim=1)].mean()


def nearest_proxy(
    vectors: "torch.Tensor",
    labels: "torch.Tensor",
    proxies: "torch.Tensor",
    *,
    temperature: float = TEMPERATURE,
) -> "torch.Tensor":
    """Normalised softmax (Zhai 2019, arXiv 1811.12649) of vectors (n, d) over one learnt proxy
    for each label, (labels, d): it sees every other label at each step."""
    import torch

    directions = torch.nn.functional.normalize(proxies, dim=-1)
    return torch.nn.functional.cross_entropy(vectors @ directions.T / temperature, labels)
