"""A workflow that calls a service with a secret. URL stands for the address of the service."""

CALL = """\
name: call
owner: lee@example.com
steps:
  - id: call
    uses: http
    with: {method: POST, url: "URL/pay", headers: {Authorization: "Bearer {{ secret.SHOP }}"}, json: {a: 1}}
"""
