"""The pages for reviewers, and the HTTP server for them and for the endpoints of other surfaces.

`server` listens; `routes` lists our pages and the mounted endpoints of other surfaces. A template in `templates/pages`
makes a page of a view (`review_view`, `status_pages`: pure). `service` has all calls of the engine. Channels and engine
never import this package; `bot.app` does. Start at `routes`.
"""
