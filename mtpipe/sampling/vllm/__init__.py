"""The sampling engine for real models: vLLM, with mtpipe's temperatures, draw and records.

Read `vllm_engine` first, the engine of a pipeline; `starting` starts it. What vLLM loads in its own processes is
`plugin`, which picks `adapter_v1` or `adapter_v2` by the model runner; both hand their logits to `batch`. `request` is
what a request may say of its temperatures, also beside a server of vLLM's; `policy_worker` reads new weights in the
workers, and hands over the `records` of what was drawn. `memory` is what the engine gives back while it waits for its
next policy, `lora` puts adapters on a base, and `nf4` holds that in 4 bits. In a server, `heat` logs how many tokens
are hot, and `running_threshold` lets a request estimate its own threshold.

Must not import: mtpipe.params, mtpipe.learn: vLLM loads this wherever mtpipe is installed.
"""
