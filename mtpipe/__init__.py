"""Multi-temperature reinforcement learning with verifiable rewards, as a DVC pipeline.

The rooms from the ground up. A room imports those that stand before it in this list and none that stands after it;
tests/test_rooms.py holds every import to that, also those inside functions.

    errors paths files records            the ground: the one error, where files lie, how they are written, their rows
    digests                               digests of files, those of large ones remembered
    hub                                   checkpoints by their id on the Hugging Face hub
    pruned                                the marks that removed policies leave
    differing                             which of a round's groups have something to teach
    devices                               CUDA devices, by the names that processes choose them by
    alone owner progress text_table       one process at a time, whose it is, what a person sees of it, and its tables
    run_log                               what all stages print, in one file
    kernels ray_address                   whether Triton's run on a device; where a Ray cluster answers
    settings                              each section of params.yaml
    statistics                            intervals, paired tests, pass@k: arrays in, numbers out
    verify.values                         what an answer can be: typed values
    verify.reader                         from text to a value
    verify.compare                        whether two values are equal
    verify                                from text to typed value to verdict, in a sandbox
    tasks                                 problems, prompts, judging by the task, rewards
    tasks.synthetic                       tasks that are generated from a seed
    tasks.gym                             problems of reasoning-gym, judged in a sandbox
    temperature.rules                     within a response: the temperature of a token
    temperature.controllers               over rounds, from what the rounds before showed
    temperature                           schedules, spreads, and the plan that resolves them
    params profiles                       params.yaml as a whole, and ready-made ones
    model                                 a policy: its folder, its weights, its tokenizer
    measure                               what is reported of a round
    sampling.drawing                      from a request and logits to a token: what all engines share
    sampling.vllm                         the engine for real models
    sampling.resident                     an engine that outlives a stage
    sampling                              engines, and the rounds that they sample
    learn.losses                          policy-gradient losses, over a flat list of tokens
    learn.batching                        from groups to optimizer steps to micro-batches
    learn.scoring                         log-probs of a policy's tokens, with gradient
    learn.distributed                     several processes that share one update
    learn.state                           what an update carries from step to step and from round to round
    learn                                 the update of a round, and the warm start
    parity                                whether an engine and the update can train together
    strays                                what heat would draw among a policy's improbable tokens
    evaluate                              a policy's judged responses to the benchmarks
    report                                the page that compares the arms
    look                                  the page that shows rollouts token by token
    tracking                              MLflow
    export_rollouts                       judged rollouts for the offline tools of TRL and verl
    export                                a policy for other programs, with its model card
    skeletons                             the first lines of classes of one's own
    budget                                what a study takes and took
    run                                   how a stage starts, and what it depends on
    run.study                             a study as a whole: its chains side by side
    commands                              the subcommands of python -m mtpipe
    __main__                              finds them
"""
