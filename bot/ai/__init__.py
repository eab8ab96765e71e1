"""Language models: asks any provider that speaks the API of OpenAI for the drafts of `ai` steps.

| module | what is in it |
|---|---|
| `setup` | start here: the client, set up from the settings, and what is missing if it is not |
| `client` | the port `LanguageModel` over pydantic-ai: one call, one answer, no wait |
| `errors` | the meaning of a failure |
| `prices` | what tokens cost: from the setting, or from the published prices |

Only `client`, `errors` and `prices` know the library, which is in the extra `signoff[ai]`: `setup` imports them
when a model is set up.
"""
