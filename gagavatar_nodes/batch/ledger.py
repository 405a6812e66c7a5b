"""What is to be done, what is being done and what is done: one SQLite file, which survives that the program is killed.

A task may need others, as a clip needs an avatar and a motion. It waits until they are done, and fails with them. The
program that holds the ledger leases its tasks: what a killed program left running waits again.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import FileFormatError, GagavatarError, MediaError
from ..temporary import owned_name, owner_is_gone

VERSION = 1
LEASE_SECONDS = 60.0
MOST_INTERRUPTIONS = 5
"""Times that a program may end while a task is worked on, before the task is taken for the cause."""
WAITING, RUNNING, DONE, FAILED, CANCELED, DROPPED = "waiting", "running", "done", "failed", "canceled", "dropped"
_OPEN = f"('{WAITING}', '{RUNNING}')"

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, spec TEXT NOT NULL, near TEXT, client TEXT,
    state TEXT NOT NULL, rank INTEGER NOT NULL, position INTEGER NOT NULL,
    blocked INTEGER NOT NULL DEFAULT 0, users INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, interruptions INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0, total INTEGER, error TEXT, result TEXT,
    created REAL NOT NULL, started REAL, finished REAL, expires REAL
);
CREATE INDEX IF NOT EXISTS ready ON tasks (state, blocked, rank, position);
CREATE INDEX IF NOT EXISTS nearby ON tasks (near, state, blocked);
CREATE INDEX IF NOT EXISTS expiring ON tasks (expires);
CREATE TABLE IF NOT EXISTS needs (
    task TEXT NOT NULL, need TEXT NOT NULL, PRIMARY KEY (task, need)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS needed ON needs (need);
CREATE TABLE IF NOT EXISTS prints (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, print TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS usage (client TEXT NOT NULL, time REAL NOT NULL);
CREATE INDEX IF NOT EXISTS used ON usage (client, time);
CREATE TABLE IF NOT EXISTS holder (one INTEGER PRIMARY KEY CHECK (one = 1), owner TEXT NOT NULL, lease REAL NOT NULL);
PRAGMA user_version = {VERSION};
"""
_COUNT = f"""
UPDATE tasks SET
    blocked = (SELECT count(*) FROM needs JOIN tasks p ON p.id = need WHERE task = tasks.id AND p.state != '{DONE}'),
    users = (SELECT count(*) FROM needs JOIN tasks p ON p.id = task WHERE need = tasks.id AND p.state IN {_OPEN})
"""


@dataclass(frozen=True)
class Task:
    """One piece of work."""

    id: str
    kind: str
    """One of `tasks.KINDS`."""
    spec: dict[str, Any] = field(repr=False)
    """What a worker gets, see `tasks`."""
    needs: tuple[str, ...] = ()
    """Tasks that must be done before."""
    near: str | None = None
    """The task whose result a worker keeps in memory, best the same from one task to the next."""
    client: str | None = None
    expires: float | None = None
    state: str = WAITING
    attempts: int = 0
    done: int = 0
    total: int | None = None
    """Frames."""
    error: str | None = None
    result: dict[str, Any] | None = None
    created: float = 0.0
    started: float | None = None
    finished: float | None = None


class Ledger:
    """Tasks in a file; every method is one transaction, and may be called from any thread."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open or make the file.

        Raises:
            FileFormatError: it is no ledger, or a newer one.
            MediaError: it cannot be opened.
        """
        self.path = Path(path)
        self._lock = threading.RLock()
        self._owner = owned_name()
        try:
            self._db = sqlite3.connect(self.path, timeout=30.0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise MediaError(f"{self.path} cannot be opened ({error}): choose another folder") from error
        self._db.row_factory = sqlite3.Row
        try:
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise FileFormatError(f"{self.path} is from a newer version of this program: update it")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # what is said to be done is done, also after a power failure
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise FileFormatError(f"{self.path} is no ledger, or damaged ({error}): move it away") from error
        except BaseException:
            self._db.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the file to others."""
        with self._lock:
            self._db.execute("DELETE FROM holder WHERE owner = ?", [self._owner])
            self._db.close()

    def hold(self, patience: float = 0.0) -> None:
        """Take the ledger, and what a program that ended left running back into the queue.

        `patience` is how many seconds to wait for another program to leave it.

        Raises:
            GagavatarError: another program is at work with it.
        """
        until = time.monotonic() + patience
        while not self._take():
            if time.monotonic() >= until:
                raise GagavatarError(
                    f"{self.path.parent} is being worked on by another program: wait for it, or choose another folder"
                )
            time.sleep(0.5)

    def _take(self) -> bool:
        with self._transaction() as db:
            row = db.execute("SELECT owner, lease FROM holder").fetchone()
            others = row is not None and row["owner"] != self._owner
            if others and row["lease"] > time.time() and not owner_is_gone(row["owner"]):
                return False
            db.execute("INSERT OR REPLACE INTO holder VALUES (1, ?, ?)", [self._owner, time.time() + LEASE_SECONDS])
            db.execute(f"UPDATE tasks SET interruptions = interruptions + 1 WHERE state = '{RUNNING}'")
            self._requeue(db, "1")
            why = f"the program ended {MOST_INTERRUPTIONS} times while this was worked on: the memory may be too small"
            suspects = db.execute(
                f"SELECT id FROM tasks WHERE state = '{WAITING}' AND interruptions >= ?", [MOST_INTERRUPTIONS]
            ).fetchall()
            for (task,) in suspects:
                self._settle(db, task, FAILED, error=why)
            db.execute(_COUNT)
            return True

    def renew(self) -> None:
        """Say that this program is still at work; to be called more often than `LEASE_SECONDS`."""
        with self._transaction() as db:
            db.execute("UPDATE holder SET lease = ? WHERE owner = ?", [time.time() + LEASE_SECONDS, self._owner])

    def add(self, tasks: Iterable[Task]) -> None:
        """Add tasks that are not there yet; those that are keep their state."""
        with self._transaction() as db:
            start = db.execute("SELECT coalesce(max(position), 0) FROM tasks").fetchone()[0]
            for position, task in enumerate(tasks, start + 1):
                row = {
                    "id": task.id,
                    "kind": task.kind,
                    "spec": json.dumps(task.spec),
                    "near": task.near,
                    "client": task.client,
                    "state": WAITING,
                    "rank": 0 if task.needs else 1,
                    "position": position,
                    "created": time.time(),
                    "expires": task.expires,
                }
                cursor = db.execute(
                    f"INSERT OR IGNORE INTO tasks ({', '.join(row)}) VALUES ({_marks(row)})", list(row.values())
                )
                if not cursor.rowcount:
                    continue
                db.executemany("INSERT OR IGNORE INTO needs VALUES (?, ?)", [(task.id, need) for need in task.needs])
                self._block(db, task)

    def select(self, wanted: Sequence[str]) -> None:
        """Make the open tasks exactly those of `wanted` that are not done: failed ones get their attempts back.

        What they need is redone where it was dropped.
        """
        with self._transaction() as db:
            db.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (id TEXT PRIMARY KEY)")
            db.execute("DELETE FROM wanted")
            db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", [(one,) for one in wanted])
            unfinished = f"SELECT id FROM wanted JOIN tasks USING (id) WHERE state != '{DONE}'"
            required = f"{unfinished} UNION SELECT need FROM needs WHERE task IN ({unfinished})"
            db.execute(f"UPDATE tasks SET state = '{DROPPED}' WHERE state IN {_OPEN} AND id NOT IN ({required})")
            self._requeue(db, f"id IN ({required})", f"('{FAILED}', '{CANCELED}', '{DROPPED}')")
            db.execute(_COUNT)

    def redo(self, ids: Iterable[str]) -> None:
        """Queue tasks again whose results are gone."""
        with self._transaction() as db:
            for one in ids:
                self._requeue(db, "id = ?", f"('{DONE}')", [one])
            db.execute(_COUNT)

    def claim(self, near: Sequence[str] = (), avoid: Sequence[str] = ()) -> Task | None:
        """Lease the next task: one of those `near`, else one that is not near what others hold, else any."""
        ready = f"state = '{WAITING}' AND blocked = 0 AND not_before <= ?"
        choices: list[tuple[str, Sequence[str]]] = [("", ())]
        if avoid:
            choices.insert(0, (f"AND (near IS NULL OR near NOT IN ({_marks(avoid)}))", avoid))
        if near:
            choices.insert(0, (f"AND near IN ({_marks(near)})", near))
        with self._transaction() as db:
            for condition, values in choices:
                row = db.execute(
                    f"SELECT id FROM tasks WHERE {ready} {condition} ORDER BY rank, position LIMIT 1",
                    [time.time(), *values],
                ).fetchone()
                if row is not None:
                    db.execute(
                        f"UPDATE tasks SET state = '{RUNNING}', attempts = attempts + 1, done = 0, total = NULL, "
                        "started = ? WHERE id = ?",
                        [time.time(), row["id"]],
                    )
                    return self._task(db, row["id"])
        return None

    def finish(self, task: str, result: Mapping[str, Any]) -> bool:
        """Write down that a leased task is done; False where it was canceled meanwhile."""
        with self._transaction() as db:
            return self._settle(db, task, DONE, result=json.dumps(result))

    def fail(self, task: str, error: str, retry_in: float | None = None) -> bool:
        """Write down that a leased task failed, for good or to be tried again in `retry_in` seconds."""
        with self._transaction() as db:
            if retry_in is None:
                return self._settle(db, task, FAILED, error=error)
            self._requeue(db, "id = ?", values=[task])
            db.execute("UPDATE tasks SET error = ?, not_before = ? WHERE id = ?", [error, time.time() + retry_in, task])
            return True

    def release(self, task: str) -> None:
        """Put a leased task back, as if it had never been begun."""
        with self._transaction() as db:
            self._requeue(db, "id = ?", values=[task])
            db.execute("UPDATE tasks SET attempts = max(0, attempts - 1) WHERE id = ?", [task])

    def cancel(self, task: str) -> bool:
        """Cancel a task that is not finished; whether it was so."""
        with self._transaction() as db:
            return self._settle(db, task, CANCELED, error="canceled")

    def progress(self, task: str, done: int, total: int | None) -> None:
        """Note how many frames are done."""
        with self._transaction() as db:
            db.execute("UPDATE tasks SET done = ?, total = ? WHERE id = ?", [done, total, task])

    def drop_unused(self, task: str) -> list[Task]:
        """Return what `task` needed and no open task needs any more, once it is no longer counted as done."""
        with self._transaction() as db:
            unused = db.execute(
                f"SELECT id FROM tasks WHERE state = '{DONE}' AND users = 0 AND id IN "
                "(SELECT need FROM needs WHERE task = ?)",
                [task],
            ).fetchall()
            for (one,) in unused:
                db.execute(f"UPDATE tasks SET state = '{DROPPED}' WHERE id = ?", [one])
            return [self._task(db, one) for (one,) in unused]

    def drop_all_unused(self, kinds: Sequence[str]) -> list[Task]:
        """`drop_unused` for all tasks of these kinds."""
        with self._transaction() as db:
            unused = self._tasks(db, f"state = '{DONE}' AND users = 0 AND kind IN ({_marks(kinds)})", kinds)
            for task in unused:
                db.execute(f"UPDATE tasks SET state = '{DROPPED}' WHERE id = ?", [task.id])
            return unused

    def open_ids(self) -> set[str]:
        """Return the tasks that wait or run."""
        with self._transaction() as db:
            return {one for (one,) in db.execute(f"SELECT id FROM tasks WHERE state IN {_OPEN}")}

    def remove(self, task: str) -> None:
        """Forget a task."""
        with self._transaction() as db:
            self._settle(db, task, CANCELED, error="removed")
            db.execute("DELETE FROM tasks WHERE id = ?", [task])
            db.execute("DELETE FROM needs WHERE task = ?", [task])

    def expired(self) -> list[Task]:
        """Return tasks that are finished, needed by none that is open, and past their time."""
        with self._transaction() as db:
            return self._tasks(db, f"expires <= ? AND users = 0 AND state NOT IN {_OPEN}", [time.time()])

    def keep_until(self, task: str, expires: float) -> None:
        """Let a task live at least so long."""
        with self._transaction() as db:
            db.execute("UPDATE tasks SET expires = max(expires, ?) WHERE id = ?", [expires, task])

    def get(self, task: str) -> Task | None:
        """Return a task as it is now."""
        with self._transaction() as db:
            return self._task(db, task) if db.execute("SELECT 1 FROM tasks WHERE id = ?", [task]).fetchone() else None

    def tasks(self, kind: str | None = None, *states: str) -> list[Task]:
        """Return tasks in the order in which they were added."""
        with self._transaction() as db:
            where = "kind = ?" if kind else "?1 IS NULL"
            where += f" AND state IN ({_marks(states)})" if states else ""
            return self._tasks(db, where, [kind, *states])

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of tasks by kind and state."""
        with self._transaction() as db:
            found: dict[str, dict[str, int]] = {}
            for kind, state, count in db.execute("SELECT kind, state, count(*) FROM tasks GROUP BY kind, state"):
                found.setdefault(kind, {})[state] = count
            return found

    def open_count(self, client: str | None = None) -> int:
        """Return how many tasks wait or run, of one client or of all."""
        where = f"state IN {_OPEN}" + ("" if client is None else " AND client = ?")
        with self._transaction() as db:
            return db.execute(f"SELECT count(*) FROM tasks WHERE {where}", [client] if client else []).fetchone()[0]

    def use(self, client: str, most: int, period: float) -> float | None:
        """Count one use against a client's quota; return the seconds until there is room where it is used up."""
        now = time.time()
        with self._transaction() as db:
            db.execute("DELETE FROM usage WHERE time <= ?", [now - period])
            times = [row[0] for row in db.execute("SELECT time FROM usage WHERE client = ? ORDER BY time", [client])]
            if len(times) >= most:
                return times[len(times) - most] + period - now
            db.execute("INSERT INTO usage VALUES (?, ?)", [client, now])
            return None

    def print_of(self, path: str, stamp: str) -> str | None:
        """Return the fingerprint of a file's content that was taken when it had this stamp."""
        with self._transaction() as db:
            row = db.execute("SELECT print FROM prints WHERE path = ? AND stamp = ?", [path, stamp]).fetchone()
            return None if row is None else row["print"]

    def keep_print(self, path: str, stamp: str, fingerprint: str) -> None:
        """Keep a fingerprint."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO prints VALUES (?, ?, ?)", [path, stamp, fingerprint])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _block(self, db: sqlite3.Connection, task: Task) -> None:
        """Count what a new task waits for; it fails at once where that has failed."""
        states = db.execute(
            "SELECT state, error FROM needs JOIN tasks ON tasks.id = need WHERE task = ?", [task.id]
        ).fetchall()
        db.execute("UPDATE tasks SET blocked = ? WHERE id = ?", [sum(s["state"] != DONE for s in states), task.id])
        db.execute("UPDATE tasks SET users = users + 1 WHERE id IN (SELECT need FROM needs WHERE task = ?)", [task.id])
        for state in states:
            if state["state"] in (FAILED, CANCELED):
                self._settle(db, task.id, FAILED, error=state["error"])
                return

    def _settle(
        self, db: sqlite3.Connection, task: str, state: str, error: str | None = None, result: str | None = None
    ) -> bool:
        """End an open task, and let those that need it go on or fail."""
        cursor = db.execute(
            f"UPDATE tasks SET state = ?, error = ?, result = ?, finished = ? WHERE id = ? AND state IN {_OPEN}",
            [state, error, result, time.time(), task],
        )
        if not cursor.rowcount:
            return False
        db.execute("UPDATE tasks SET users = users - 1 WHERE id IN (SELECT need FROM needs WHERE task = ?)", [task])
        users = "id IN (SELECT task FROM needs WHERE need = ?)"
        if state == DONE:
            db.execute(f"UPDATE tasks SET blocked = blocked - 1 WHERE {users}", [task])
        else:
            for (user,) in db.execute(f"SELECT id FROM tasks WHERE {users}", [task]).fetchall():
                self._settle(db, user, FAILED, error=error)
        return True

    def _requeue(
        self, db: sqlite3.Connection, where: str, states: str = f"('{RUNNING}')", values: Sequence[Any] = ()
    ) -> None:
        fresh = "" if states == f"('{RUNNING}')" else "attempts = 0, interruptions = 0, error = NULL, "
        db.execute(
            f"UPDATE tasks SET {fresh} state = '{WAITING}', not_before = 0, done = 0, total = NULL, started = NULL, "
            f"finished = NULL, result = NULL WHERE state IN {states} AND {where}",
            values,
        )

    def _task(self, db: sqlite3.Connection, task: str) -> Task:
        return self._tasks(db, "id = ?", [task])[0]

    def _tasks(self, db: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[Task]:
        rows = db.execute(f"SELECT * FROM tasks WHERE {where} ORDER BY position", values).fetchall()
        return [
            Task(
                spec=json.loads(row["spec"]),
                needs=tuple(need for (need,) in db.execute("SELECT need FROM needs WHERE task = ?", [row["id"]])),
                result=json.loads(row["result"]) if row["result"] else None,
                **{name: row[name] for name in _PLAIN},
            )
            for row in rows
        ]


_PLAIN = (
    "id", "kind", "near", "client", "expires", "state", "attempts", "done", "total", "error", "created", "started",
    "finished",
)  # fmt: skip


def _marks(values: Collection[Any]) -> str:
    return ", ".join("?" * len(values))
