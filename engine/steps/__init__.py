"""The kinds of steps that come with Signoff, one module each.

`set` and `wait` compute (pure), `http` calls a URL; `guard` decides which addresses `http` may call, `pinning` keeps it
to them. A kind derives from `engine.ports.StepType`, has a pydantic `Params`, and never knows that it was gated. May
import: `engine.ports` and what lies below it.

Start reading at `registry`, which names the kinds and finds those of other distributions (entry-point group
`signoff.steps`).
"""
