"""The pages at which people review, and the one HTTP server of a process.

`server` listens; `site` is what it serves: our pages, and whatever another surface gives to be mounted. A page is made
of a view (`review`, `saying`: pure) by a template in `templates/pages`. `desk` is all that the pages ask of the engine.
Channels and engine never import this; `bot.app` does. Start reading at `site`.
"""
