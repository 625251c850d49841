"""A vision transformer of open_clip with the same numbers in fewer steps.

Exported as it stands, most of its steps only find out shapes, and its first layer multiplies
one grey picture three times. Here rows (patches of pictures) stay rows from beginning to end.
This module imports torch: import it inside functions only.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class GreyVisionTransformer(nn.Module):
    """(n, 1, size, size) greys 0…1 to (n, dimensions), as `net` (an open_clip VisionTransformer)
    answers for the three equal channels of them, each less `mean` and divided by `std`.

    AttributeError or RuntimeError where `net` is another kind of tower: the caller compares the
    answers before this one is used.
    """

    def __init__(self, net: Any, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        first = net.conv1
        self.patch = first.kernel_size[0]
        self.side = net.image_size[0] // self.patch
        self.length = self.side**2 + 1
        scale = torch.tensor(std).view(1, 3, 1, 1)
        weight = first.weight / scale
        # One channel in place of three: Σ (grey − mean) / std · weight.
        offset = -(weight * torch.tensor(mean).view(1, 3, 1, 1)).sum((1, 2, 3))
        if first.bias is not None:
            offset = offset + first.bias
        self.weight = nn.Parameter(weight.sum(1).flatten(1), requires_grad=False)
        place = net.positional_embedding.detach()
        whole = torch.cat([net.class_embedding[None], torch.zeros_like(place[1:])])
        rest = torch.cat([torch.zeros(1, len(offset)), offset.expand(self.length - 1, -1)])
        self.place = nn.Parameter(place + whole + rest, requires_grad=False)
        self.before, self.after = net.ln_pre, net.ln_post
        self.blocks = nn.ModuleList(_Block(one, self.length) for one in net.transformer.resblocks)
        self.projection = nn.Parameter(net.proj.detach(), requires_grad=False)

    def forward(self, grey: Tensor) -> Tensor:
        cut = grey.reshape(-1, self.side, self.patch, self.side, self.patch)
        patches = cut.permute(0, 1, 3, 2, 4).reshape(-1, self.length - 1, self.patch**2)
        # An empty row where the class token stands.
        rows = functional.pad(patches @ self.weight.t(), (0, 0, 1, 0)) + self.place
        rows = self.before(rows.reshape(-1, self.place.shape[1]))
        for block in self.blocks:
            rows = block(rows)
        told = rows.reshape(-1, self.length, self.place.shape[1])[:, 0]
        answer: Tensor = self.after(told) @ self.projection
        return answer


class _Block(nn.Module):
    """Self-attention and two layers beside a short cut each, rows (n · length, width)."""

    def __init__(self, block: Any, length: int) -> None:
        super().__init__()
        self.length, self.heads = length, block.attn.num_heads
        self.first, self.second = block.ln_1, block.ln_2
        self.scaled_first, self.scaled_second = block.ls_1, block.ls_2
        width = block.attn.embed_dim
        self.inward = nn.Linear(width, 3 * width)
        # The softmax's own scale, in the queries' weights.
        factor = torch.ones(3 * width)
        factor[:width] = (width // self.heads) ** -0.5
        self.inward.weight.data = block.attn.in_proj_weight.detach() * factor[:, None]
        self.inward.bias.data = block.attn.in_proj_bias.detach() * factor
        self.outward, self.mlp = block.attn.out_proj, block.mlp

    def forward(self, rows: Tensor) -> Tensor:
        width = self.outward.in_features
        parts = self.inward(self.first(rows)).reshape(
            -1, self.length, 3, self.heads, width // self.heads
        )
        queries, keys, values = parts.permute(2, 0, 3, 1, 4).unbind(0)
        weights = (queries @ keys.transpose(-1, -2)).softmax(-1)
        seen = (weights @ values).transpose(1, 2).reshape(-1, width)
        rows = rows + self.scaled_first(self.outward(seen))
        answer: Tensor = rows + self.scaled_second(self.mlp(self.second(rows)))
        return answer
