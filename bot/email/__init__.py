"""Email: asks people who have no Slack, notifies them of the outcome, and sends the emails of `email` steps.

| module | what is in it |
|---|---|
| `view` | start here: the texts of an email, made from a card. Pure |
| `email_kinds` | what each kind of email says about itself, and whether it has a link. Pure |
| `rows` | values, notes and details, cut to the room that an email has. Pure |
| `truncate` | cuts texts to the room in an email, and writes them in HTML. Pure |
| `message` | the email itself. Pure |
| `transfer_encoding` | the transfer encoding of its texts: seven bits, eight bits, or encoded. Pure |
| `errors` | the meaning of a failure, by the stage where it happened. Pure |
| `templates` | the templates in `templates/email` |
| `dkim` | signatures |
| `client` | SMTP: sends an email command by command |
| `channel`, `sender` | the ports: copies of requests, and the step `email` |
| `setup` | all of that, set up from the settings |
"""
