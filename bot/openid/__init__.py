"""OpenID Connect: signing in with an account at an identity provider, such as Slack.

`provider` speaks with it, `id_token` reads what it vouches for. Both are imported where sign-in is set up only.
"""
