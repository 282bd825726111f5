"""A tensor and the part of it that one of several processes holds."""

from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor, distribute_tensor


def whole(tensor: Tensor) -> Tensor:
    """A tensor that the processes share, put together in each of them and off the device; any other as it is."""
    tensor = tensor.detach()
    return tensor.full_tensor().cpu() if isinstance(tensor, DTensor) else tensor


def fill(target: Tensor, source: Tensor) -> None:
    """Copies a whole tensor, or this process's part of it, into `target`."""
    if isinstance(target, DTensor):
        part = distribute_tensor(source.to(target.device), target.device_mesh, target.placements, src_data_rank=None)
        target.to_local().copy_(part.to_local())
    else:
        target.copy_(source)


def reshard(model: nn.Module) -> None:
    """Lets go of weights that a forward pass has put together, so that the parts are what counts.

    FSDP keeps those of the outermost module until a backward pass, and computes with them meanwhile.
    """
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()
