"""The tables of the journal, and the migrations from older versions."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    -- AUTOINCREMENT: what is left of a deleted session must never be taken for a new one's.
    CREATE TABLE sessions(
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL UNIQUE,
        row BLOB NOT NULL,
        first INTEGER NOT NULL DEFAULT 1,
        last INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        position INTEGER NOT NULL DEFAULT 0,
        updated_ms INTEGER NOT NULL
    );
    CREATE TABLE prompts(
        session INTEGER NOT NULL, number INTEGER NOT NULL, waiting INTEGER NOT NULL, prompt BLOB NOT NULL,
        PRIMARY KEY(session, number)
    ) WITHOUT ROWID;
    CREATE TABLE asks(
        number INTEGER PRIMARY KEY, session INTEGER NOT NULL, ask_id TEXT NOT NULL, ask BLOB NOT NULL,
        UNIQUE(session, ask_id)
    );
    CREATE TABLE answers(
        number INTEGER PRIMARY KEY, session INTEGER NOT NULL, name TEXT NOT NULL,
        fingerprint TEXT NOT NULL, body BLOB NOT NULL,
        UNIQUE(session, name)
    );

    -- Events that were written together. `position` is where the first of them stands in the feed, `first` where it
    -- stands in its session's log. One row is one step of SQLite, and so is what the trigger does with it: each step
    -- gives up the GIL, and waits for it again behind the event loop.
    CREATE TABLE segments(
        position INTEGER PRIMARY KEY,
        session INTEGER NOT NULL,
        first INTEGER NOT NULL,
        count INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        heads BLOB NOT NULL,
        raws BLOB
    );
    CREATE TRIGGER segments_counted AFTER INSERT ON segments BEGIN
        UPDATE sessions SET last = new.first + new.count - 1, bytes = bytes + new.bytes,
            position = new.position + new.count - 1, updated_ms = new.at_ms
            WHERE number = new.session;
    END;
    CREATE INDEX segments_of_session ON segments(session, first);

    -- Deleted sessions whose events have not been taken away yet.
    CREATE TABLE doomed(session INTEGER PRIMARY KEY);
    """,
)
"""Number n brings version n to n + 1 (``PRAGMA user_version``). Append only: older versions exist on disks."""
