"""The pages at which people review, and what is served over HTTP beside them.

`server` listens; `routes` is what it serves: our pages, and the endpoints of other surfaces that are mounted. A page is
made of a view (`review_view`, `status_pages`: pure) by a template in `templates/pages`. `service` is all that the pages
ask of the engine. Channels and engine never import this; `bot.app` does. Start at `routes`.
"""
