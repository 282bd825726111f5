"""A sampling engine that outlives a stage: one process for the stages of a chain, which use it one after the other.

With adapters it is one for the stages of several chains on one base, which sample at a time. Or there are several such
processes, which share the responses. Read `client` first, the engine that a stage sees. `server` is the process that it
talks to, over a Unix socket in a folder that only this user can enter; `connection` the stage's end of that, `loop` the
server's thread with the engine, `frames` what a message is in bytes, `carried` requests and rollouts as messages,
`terms` what has to be the same for two stages to share an engine, `reaching` how a stage finds its servers or starts
them, `device_turns` whose turn a shared GPU is on.

A server belongs to the process that runs the stages (`mtpipe.owner`) and ends with it, or after idle minutes. It
unpickles nothing; what is no message ends its connection and nothing else.

Must not import: mtpipe.learn, mtpipe.run, mtpipe.params.
"""
