"""What each kind of step does and what its parameters mean, for the JSON Schema and the page of all keys.

A test compares the names with the step types. Step types of other distributions say it in their own models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "set": "Keeps values for later steps.",
    "form": "Asks people to fill in fields.",
    "message": "Posts a message in Slack.",
    "email": "Sends an email.",
    "http": "Calls a web address.",
    "ai": "Asks a language model, which answers in fields.",
    "ask": "Puts what a program asks to people.",
    "wait": "Waits for a time.",
    "branch": "Takes one of several paths.",
    "run": "Runs another workflow, and waits for its end.",
    "foreach": "Runs its steps for each item of a list.",
}

PARAMS: Final[Mapping[str, Mapping[str, str]]] = {
    "set": {},
    "form": {},
    "branch": {},
    "message": {
        "to": "A channel, a person or an email address.",
        "text": "The text of the message.",
    },
    "email": {
        "to": "One email address.",
        "subject": "The subject, in one line.",
        "body": "The text of the email, sent as it is.",
        "reply_to": "The address for replies.",
        "attachments": "Up to 10 files.",
    },
    "http": {
        "method": "The method of the call.",
        "url": "The address to call.",
        "auth": "How the call signs in: one of bearer, basic, header and oauth2.",
        "headers": "Headers by name. They may hold secrets.",
        "query": "Values that are added to the address, by name.",
        "json": "The body, as JSON. It may hold secrets.",
        "form": "The body, as a web form sends it.",
        "multipart": "The body, as a web form with files sends it.",
        "body": "The body, as a text.",
        "file": "The body: the bytes of a file.",
        "save_as": "Keeps the body of the response as a file with this name.",
        "pages": "Reads a list that comes in pages.",
        "expect": "The statuses that mean success: numbers, or ranges like 200-299.",
        "idempotency_header": "The header for the key by which the other side tells a repeated call.",
    },
    "ai": {
        "prompt": "What the model is asked.",
        "system": "How the model should answer, in any run.",
        "model": "The model, as its provider names it.",
        "output": "What the model must answer: fields by name.",
        "max_tokens": "The longest answer, in tokens.",
        "temperature": "How much chance is in the answer, from 0 to 2.",
        "tries": "How many answers the model may give, until one fits.",
        "budget": "What all calls of the step together may use: tokens, and cost in US dollars.",
        "files": "Images and PDFs that the model gets with the prompt.",
    },
    "ask": {
        "valid_for": "How long the program may use an approval.",
        "outcome_within": "How long the program has to report what became of it.",
        "refuse": "Rejects every ask at once, with this sentence.",
    },
    "wait": {
        "for": "How long to wait.",
        "until": "The time to wait for: a date, or a time with its offset.",
    },
    "run": {
        "workflow": "The name of a registered workflow.",
        "inputs": "The inputs of that workflow.",
    },
    "foreach": {
        "over": "The list. Usually one expression.",
        "parallel": "How many items are worked on at the same time.",
    },
}
