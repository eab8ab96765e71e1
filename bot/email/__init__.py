"""Email: asks people who cannot be asked in Slack, tells them the outcome, and sends what `email` steps write.

| module | what is in it |
|---|---|
| `view` | start here: the texts of an email, made from a card. Pure |
| `truncate` | how much of a text an email shows, and how it is written in HTML. Pure |
| `message` | the email itself. Pure |
| `transfer_encoding` | how its texts are written for the way: in seven bits, in eight, or encoded. Pure |
| `errors` | what a failure means, by the stage where it happened. Pure |
| `templates` | the templates in `templates/email` |
| `dkim` | signatures |
| `client` | SMTP: sends an email command by command |
| `channel`, `sender` | the ports: copies of requests, and the step `email` |
| `setup` | all of that, set up from the settings |
"""
