"""Whether the model that params.yaml asks for can be had, before anything is deleted or trained."""

from mtpipe.model.checkpoint_folder import check_checkpoint
from mtpipe.params import Params
from mtpipe.settings.model import NF4


def check_model(params: Params) -> None:
    """Raises MtpipeError as `check_checkpoint` does, and with an adapter as `check_lora` does, which loads torch."""
    check_checkpoint(params.model.checkpoint, fetches=True)
    if params.model.lora is not None:
        from mtpipe.model.adapter_policy import check_lora

        in_vllm = params.sampling.engine == "vllm" and params.sampling.vllm.quantization == NF4
        check_lora(params.model, params.model.lora, **vars(params.task.vocabulary), nf4_in_vllm=in_vllm)
