"""The step types that come with Signoff, one module each.

`set` and `wait` compute (pure), `http` calls a URL; `url_guard` decides which addresses `http` may call, and
`pinned_resolver` keeps it to them. A step type derives from `engine.ports.StepType`, has a pydantic `Params`, and never
knows that it was gated. May import `engine.ports` and what lies below it.

Start at `registry`, which names the step types and finds those of other distributions (entry-point group
`signoff.steps`).
"""
