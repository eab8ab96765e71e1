"""Slack's published limits and rates, each with its source. "Undocumented" means seen in practice.

Sources, all under https://docs.slack.dev/reference: block-kit/blocks, block-kit/block-elements,
block-kit/composition-objects, views, methods, and apis/web-api/rate-limits.
"""

from __future__ import annotations

from typing import Final

# --- blocks (block-kit/blocks) ---------------------------------------------------------------------------------
BLOCKS_PER_MESSAGE: Final = 50
BLOCKS_PER_VIEW: Final = 100
"""Modals and App Home."""
MESSAGE_BLOCK_TEXT: Final = 12_000
"""All text in the blocks of one message. Undocumented: `msg_blocks_too_long` is seen from 11,000 to 13,000."""
BLOCK_ID: Final = 255
ACTION_ID: Final = 255
SECTION_TEXT: Final = 3_000
SECTION_FIELDS: Final = 10
SECTION_FIELD_TEXT: Final = 2_000
HEADER_TEXT: Final = 150
MARKDOWN_TEXT: Final = 12_000
"""All markdown blocks of one payload together."""
ACTIONS_ELEMENTS: Final = 25
CONTEXT_ELEMENTS: Final = 10
CONTEXT_ACTIONS_ELEMENTS: Final = 5
CONTEXT_TEXT: Final = 3_000
INPUT_LABEL: Final = 2_000
INPUT_HINT: Final = 2_000
IMAGE_URL: Final = 3_000
IMAGE_ALT_TEXT: Final = 2_000
IMAGE_TITLE: Final = 2_000
TABLE_ROWS: Final = 100
TABLE_COLUMNS: Final = 20
TABLES_PER_MESSAGE: Final = 1
RICH_TEXT_INDENT: Final = 8

# --- elements (block-kit/block-elements) and objects (block-kit/composition-objects) ----------------------------
TEXT_OBJECT: Final = 3_000
BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2_000
BUTTON_URL: Final = 3_000
ACCESSIBILITY_LABEL: Final = 75
CONFIRM_TITLE: Final = 100
CONFIRM_TEXT: Final = 300
CONFIRM_BUTTON: Final = 30
OPTIONS: Final = 100
OPTION_GROUPS: Final = 100
OPTION_GROUP_LABEL: Final = 75
OPTION_TEXT: Final = 75
OPTION_VALUE: Final = 150
OPTION_DESCRIPTION: Final = 75
OPTION_URL: Final = 3_000
CHOICES: Final = 10
"""Radio buttons and checkboxes."""
OVERFLOW_OPTIONS: Final = 5
PLACEHOLDER: Final = 150
TEXT_INPUT: Final = 3_000
RICH_TEXT_INPUT_LINES: Final = 100
FILE_INPUT_FILES: Final = 10

# --- views (surfaces/modals, reference/views) -------------------------------------------------------------------
VIEW_TITLE: Final = 24
VIEW_BUTTON: Final = 24
PRIVATE_METADATA: Final = 3_000
CALLBACK_ID: Final = 255
EXTERNAL_ID: Final = 255
VIEW_BYTES: Final = 250 * 1024
VIEW_STACK: Final = 3

# --- messages (methods/chat.postMessage, methods/chat.update) ---------------------------------------------------
POST_TEXT: Final = 40_000
"""chat.postMessage cuts longer text and warns `message_truncated`."""
UPDATE_TEXT: Final = 4_000
"""chat.update refuses longer text: `msg_too_long`."""
METADATA_BYTES: Final = 16 * 1024
"""Undocumented size; the error `metadata_too_large` is documented."""
HISTORY_LIMIT: Final = 999
HISTORY_DEFAULT: Final = 100

# --- interactions (interactivity/handling-user-interaction, apis/events-api) --------------------------------------
ACK_SECONDS: Final = 3.0
TRIGGER_SECONDS: Final = 3.0
RESPONSE_URL_USES: Final = 5
RESPONSE_URL_SECONDS: Final = 30 * 60
EVENT_RETRY_SECONDS: Final = (0.0, 60.0, 300.0)
SUGGESTED_OPTIONS: Final = 100

# --- Socket Mode (apis/events-api/using-socket-mode) ------------------------------------------------------------
SOCKET_CONNECTIONS: Final = 10
SOCKET_PING_SECONDS: Final = 10.0
"""Undocumented. Slack pings often; the SDK gives up on a connection after four of its own ping intervals."""

# --- rates (apis/web-api/rate-limits): calls a minute, for a method, a workspace and an app ----------------------
TIERS: Final = {1: 1, 2: 20, 3: 50, 4: 100}
LEAST_BURST: Final = 10
"""Tier 1 is "1+" a minute, with room for bursts; apps.connections.open must allow for all ten connections."""
POSTS_PER_CHANNEL_PER_SECOND: Final = 1
POSTS_PER_WORKSPACE_PER_MINUTE: Final = 300
""""Several hundred" says Slack; no number is published."""
POST_BURST: Final = 3
"""Posts to one channel at once. "Short bursts" are allowed, says Slack; no number is published."""
SPECIAL_PER_MINUTE: Final = 600
"""Methods with "special" rates of which only "hundreds a minute" is published (auth.test, chat.getPermalink)."""
