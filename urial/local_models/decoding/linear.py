"""Linear layers on a processor, by weights that oneDNN laid out for its own products.

Decoding a few rows takes as long as reading all weights does. A plain product reads them at 5 to 10 GB/s on two cores, one
of laid-out weights at 13 to 20, and a row's result depends less on how many rows go through together.
"""

import ast
import inspect
import sys
from functools import cache, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

# Weights of the smallest layer that gains by it.
SMALLEST = 2**16
# For how many rows they are laid out; other numbers work as well.
ROWS = 16


def lay_out_weights(model: "PreTrainedModel") -> None:
    """Lets the large linear layers of a float32 model on a processor multiply so; it can no longer be trained.

    A layer whose weights are read by more than its own product stays as it is (Mamba's and RWKV's are). The head has
    both, since token shift reads its weights, and often they are the embedding's, too.
    """
    import torch

    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    head = model.get_output_embeddings()
    for parent in model.modules():
        for name, layer in parent.named_children():
            read_elsewhere = name in _weights_read(type(parent).__module__)
            if type(layer) is not torch.nn.Linear or not _gains(layer.weight) or read_elsewhere:
                continue
            laid_out = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), ROWS)
            setattr(layer, "forward", partial(_forward, laid_out, layer.bias))  # noqa: B010 (of this one module)
            if layer is not head:
                # One copy in memory. Whoever still reads it gets its size, and no numbers.
                nothing = layer.weight.new_full((1, 1), torch.nan).expand(layer.weight.shape)
                layer.weight = torch.nn.Parameter(nothing, requires_grad=False)


def _gains(weight: "Tensor") -> bool:
    import torch

    return weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.numel() >= SMALLEST


@cache
def _weights_read(module: str) -> frozenset[str]:
    """Names of the layers whose weights the code of a Python module reads itself: X of every ``....X.weight``."""
    nodes = ast.walk(ast.parse(inspect.getsource(sys.modules[module])))
    owners = (node.value for node in nodes if isinstance(node, ast.Attribute) and node.attr == "weight")
    return frozenset(owner.attr for owner in owners if isinstance(owner, ast.Attribute))


def _forward(weight: "Tensor", bias: "Tensor | None", states: "Tensor") -> "Tensor":
    """Products [..., out] of states [..., in]."""
    import torch

    rows = states.reshape(-1, states.shape[-1]).contiguous()
    products: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return products.view(*states.shape[:-1], -1)
