"""Any causal language model class of transformers, built small: a configuration with small sizes, random weights.

The sizes are written by what the settings are called; what an architecture needs beyond that stands in `OWN`.
"""

from collections.abc import Iterable
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

VOCABULARY, HIDDEN, INNER, HEADS, HEAD, LAYERS, POSITIONS, WINDOW = 48, 32, 48, 4, 8, 2, 128, 8

NAMES: list[tuple[int, str]] = [
    (
        HIDDEN,
        "hidden_size d_model n_embd embedding_size embedding_dim dim embed_dim word_embed_proj_dim lru_width "
        "hidden_size_per_layer_input",
    ),
    (
        INNER,
        "intermediate_size moe_intermediate_size shared_expert_intermediate_size moe_shared_expert_intermediate_size "
        "intermediate_size_mlp ffn_dim encoder_ffn_dim decoder_ffn_dim dim_ff dff d_ff n_inner ffn_hidden_size "
        "expert_ffn_hidden_size prefix_dense_intermediate_size dense_intermediate_size moe_ffn_hidden_size "
        "shared_intermediate_size mlp_dim",
    ),
    (
        HEADS,
        "num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads "
        "num_encoder_attention_heads num_decoder_attention_heads swa_num_attention_heads attention_heads "
        "n_routed_experts num_local_experts num_experts moe_num_experts linear_num_value_heads linear_num_heads",
    ),
    (
        HEAD,
        "head_dim dim_head qk_rope_head_dim qk_nope_head_dim v_head_dim swa_head_dim swa_v_head_dim global_head_dim "
        "linear_key_head_dim linear_value_head_dim linear_head_dim index_head_dim  rotary_dim "
        "state_size mamba_d_state ssm_state_size",
    ),
    (16, "kv_lora_rank q_lora_rank o_lora_rank adapter_rank time_step_rank laurel_rank"),
    (
        LAYERS,
        "num_hidden_layers n_layer n_layers num_layers encoder_layers decoder_layers num_encoder_layers "
        "num_decoder_layers num_blocks depth index_n_heads linear_num_key_heads num_experts_per_tok moe_topk "
        "moe_k top_k num_key_value_heads swa_num_key_value_heads num_global_key_value_heads "
        "num_experts_per_token",
    ),
    (1, "n_group topk_group n_groups mamba_n_groups mamba_ngroups first_k_dense_replace zero_expert_num o_groups"),
    (
        POSITIONS,
        "max_position_embeddings n_positions n_ctx context_length max_target_positions max_source_positions "
        "max_seq_len max_sequence_length original_max_position_embeddings index_topk",
    ),
    (WINDOW, "sliding_window sliding_window_size attention_window_size attention_chunk_size window_size"),
    (VOCABULARY, "vocab_size vocab_size_per_layer_input pad_vocab_size"),
]
SIZES = {name: size for size, names in NAMES for name in names.split()}

_WINDOWED = ["sliding_attention", "full_attention"]
_ENCODERS = ["bert", "bert-generation", "big_bird", "camembert", "data2vec-text", "electra", "ernie", "megatron-bert"]
_ENCODERS += ["rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "xlm-roberta", "xlm-roberta-xl"]
_MAMBA2 = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_chunk_size": 16}
_GROUPED = {"num_experts_per_tok": 2, "n_routed_experts": 4, "n_shared_experts": 1, "n_group": 1, "topk_group": 1}
OWN: dict[str, dict[str, Any]] = {
    **{model_type: {"is_decoder": True} for model_type in _ENCODERS},
    "bamba": {**_MAMBA2, "attn_layer_indices": [1]},
    "cohere_compass_text": {
        "layer_types": _WINDOWED,
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]} for kind in _WINDOWED
        },
    },
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4},
        "ffn_config": {"hidden_size": HIDDEN, "ffn_hidden_size": INNER},
    },
    "deepseek_v2": _GROUPED,
    "dots1": _GROUPED,
    "falcon_h1": {**_MAMBA2, "mamba_d_ssm": 64},
    "gemma3n_text": {
        "num_hidden_layers": 4,
        "layer_types": _WINDOWED * 2,
        "num_kv_shared_layers": 2,
        "intermediate_size": [INNER] * 4,
        "activation_sparsity_pattern": [0.0] * 4,
    },
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granitemoehybrid": {**_MAMBA2, "layer_types": ["linear_attention", "full_attention"]},
    "hunyuan_v1_dense": {"head_dim": HEAD},
    "hunyuan_v1_moe": {"head_dim": HEAD},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1},
    "mamba2": {"num_heads": 8, "head_dim": 8, "n_groups": 1, "chunk_size": 16},
    "ministral": {"head_dim": HEAD},
    "nemotron": {"head_dim": HEAD, "num_key_value_heads": 2},
    "reformer": {"is_decoder": True, "axial_pos_embds": False, "attn_layers": ["local", "local"]},
    "qwen4_exp_text": {
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": HEAD,
        "indexer_budget": POSITIONS,
        "indexer_compress_ratio": 2,
        "hc_lowrank": 8,
    },
    "xlstm": {"hidden_size": 128, "embedding_dim": 128, "num_heads": 2},
    "zamba": {"num_hidden_layers": 4, "layers_block_type": ["linear_attention", "hybrid"] * 2},
    "zamba2": {"num_hidden_layers": 4, "layers_block_type": ["linear_attention", "hybrid"] * 2},
    "xlm": {"causal": True},
    "xmod": {"is_decoder": True, "default_language": "en_XX"},
    "zaya": {"num_experts_per_tok": 1},
}
"""By model type: what the names above do not say."""


def small_config(model_type: str) -> PreTrainedConfig:
    """The configuration of an architecture with small sizes, a vocabulary of `VOCABULARY` and a window of `WINDOW`."""
    kind = CONFIG_MAPPING[model_type]
    own = OWN.get(model_type, {})
    try:
        known = kind().to_dict()
    except Exception:  # it wants parts that have no defaults
        known = {}
    return kind(**{**_small(known), **own})


def small_model(model_type: str) -> PreTrainedModel:
    """A model of that configuration, whose distributions are far from even."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(small_config(model_type), dtype=torch.float32)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Embedding):
                module.weight.mul_(6.0)
    return model.eval()


def _small(known: dict[str, Any]) -> dict[str, Any]:
    """New values for those settings of a configuration that have a size, and of the configurations within it."""
    small: dict[str, Any] = {}
    for name, value in known.items():
        if isinstance(value, dict) and "model_type" in value:
            small[name] = {"model_type": value["model_type"], **_small(value)}
        elif name in SIZES and isinstance(value, int) and not isinstance(value, bool):
            small[name] = SIZES[name]
        elif name.endswith(("token_id", "token_index")) and isinstance(value, int):
            small[name] = {"eos_token_id": 1, "pad_token_id": 0}.get(name, VOCABULARY - 1)
        elif name.endswith("token_id") and isinstance(value, list):
            small[name] = 1
    kinds = next((known[name] for name in ("layer_types", "layers_block_type") if known.get(name)), None)
    heads = known.get("num_attention_heads")
    if heads is not None and heads == known.get("num_key_value_heads"):
        small["num_key_value_heads"] = HEADS
    if kinds:
        small |= _layers(known, kinds)
    return small


def _layers(known: dict[str, Any], kinds: list[str]) -> dict[str, Any]:
    """One layer of each kind, in their order; all settings that have a value for each layer are cut alike."""
    first = sorted({kind: index for index, kind in reversed(list(enumerate(kinds)))}.values())
    chosen = first if len(first) >= LAYERS else [*first, *(i for i in range(len(kinds)) if i not in first)][:LAYERS]
    chosen.sort()
    cut = {
        name: [value[index] for index in chosen]
        for name, value in known.items()
        if isinstance(value, list) and len(value) == len(kinds)
    }
    count = next((name for name in ("num_hidden_layers", "num_layers") if name in known), None)
    return cut | ({count: len(chosen)} if count else {})


def model_types() -> Iterable[str]:
    """All that transformers has a causal language model for, one type for each class."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return sorted({name: model_type for model_type, name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items()}.values())
