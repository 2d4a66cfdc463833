-- The event log of actorflow.
--
-- The truth is `event`; everything else is derived from it (a stream's row, snapshots),
-- is about the present (owner), or is not yet part of it (inbox). Times are whole
-- microseconds since 1970-01-01 UTC. The views at the end are for people.
--
-- The file is recognised by its application_id ("actf") and its user_version, the number
-- of migrations that made it.

-- One row for each execution and each actor of a user: where its events end, who may
-- append to them, and what lists and searches need to know, kept in the same transaction
-- as the events themselves.
CREATE TABLE stream (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again, even once pruned
    kind        TEXT    NOT NULL CHECK (kind <> ''),           -- execution | actor
    name        TEXT    NOT NULL,
    type        TEXT    NOT NULL,                   -- the workflow, or the actor's class
    head        INTEGER NOT NULL CHECK (head >= 0),            -- seq of its last event
    epoch       INTEGER NOT NULL CHECK (epoch > 0),            -- grows with each claim
    owner       INTEGER REFERENCES owner (id),                 -- NULL: nobody
    status      TEXT    NOT NULL,
    wake_at     INTEGER,                            -- when it wants to be woken, if ever
    waits       TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(waits)),
    attributes  TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(attributes)),
    fingerprint TEXT,                               -- of the definition
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    tags        TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),  -- sorted
    rank        INTEGER,                            -- its place in the queue, if in it
    parent      TEXT,                               -- the execution it was started for
    UNIQUE (kind, name)
) STRICT;

-- Lists, newest first, page by (created_at, id); the id is part of every index.
CREATE INDEX stream_by_creation ON stream (kind, created_at);
CREATE INDEX stream_by_status ON stream (kind, status, created_at);
CREATE INDEX stream_by_type ON stream (kind, type, created_at);
-- What nobody owns, and what a dead process left behind. By type, because a process
-- takes only what it has the definition of, and need not read past the rest.
CREATE INDEX stream_left_behind ON stream (owner, kind, status, type);
-- Who is to be woken next, among those nobody owns.
CREATE INDEX stream_to_wake ON stream (kind, owner, type, wake_at)
WHERE wake_at IS NOT NULL;
-- Who is next in the queue, among those that need the same tags.
CREATE INDEX stream_in_queue ON stream (kind, type, tags, rank) WHERE rank IS NOT NULL;

-- The children of an execution.
CREATE INDEX stream_by_parent ON stream (kind, parent, created_at)
WHERE parent IS NOT NULL;

-- What happened, in order of commit. Never changed; removed only by retention (below).
CREATE TABLE event (
    position INTEGER PRIMARY KEY,                   -- order of commit, over all streams
    stream   INTEGER NOT NULL REFERENCES stream (id),
    seq      INTEGER NOT NULL CHECK (seq > 0),      -- 1, 2, 3 ... within the stream
    address  TEXT    NOT NULL,                      -- whom inside the stream it is about
    type     TEXT    NOT NULL,                      -- the tag of the event's class
    time     INTEGER NOT NULL,
    data     TEXT    NOT NULL CHECK (json_valid(data)),
    checksum INTEGER NOT NULL  -- CRC-32 of the rest; SQLite itself has none for its pages
) STRICT;

-- The only index on events: every further one is paid for by every event. It finds the
-- event after seq n without reading those before it. An index on the stream alone was no
-- smaller to speak of (2 bytes an event) and 15 % faster to write; without any, writing is
-- 1.4 to 5 times faster and replay is a scan of the log.
CREATE UNIQUE INDEX event_in_stream ON event (stream, seq);

-- Events are facts. To prune, a retention job signs this slip inside its own transaction,
-- deletes whole streams, and tears the slip up before it commits:
--     BEGIN IMMEDIATE;
--     INSERT INTO retention (id, reason) VALUES (1, 'older than 30 days');
--     DELETE FROM event WHERE stream = ...;  -- then all else, and the stream's row last
--     DELETE FROM retention;
--     COMMIT;
CREATE TABLE retention (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    reason TEXT    NOT NULL CHECK (reason <> '')
) STRICT;

CREATE TRIGGER event_is_never_updated
BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'events are facts: they are never updated');
END;

CREATE TRIGGER event_is_deleted_only_by_retention
BEFORE DELETE ON event
WHEN NOT EXISTS (SELECT 1 FROM retention)
BEGIN
    SELECT RAISE(ABORT, 'events are facts: only retention deletes them');
END;

-- Stored checkpoints, to make replay short. A few of the newest are kept for each stream;
-- losing all of them loses nothing but time.
CREATE TABLE snapshot (
    stream     INTEGER NOT NULL REFERENCES stream (id),
    seq        INTEGER NOT NULL CHECK (seq >= 0),   -- the state as of this event
    format     TEXT    NOT NULL,                    -- the shape of the state
    data       TEXT    NOT NULL CHECK (json_valid(data)),
    checksum   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- Search attributes one by one, so that searches find their streams and not the others.
-- Numbers as they are (1 is 1.0), all else as JSON (true is not 1); lists and mappings
-- are not searched. Kept by triggers, so nobody who writes a stream need know of it.
CREATE TABLE attribute (
    key    TEXT    NOT NULL,
    value  ANY     NOT NULL,
    stream INTEGER NOT NULL REFERENCES stream (id),
    PRIMARY KEY (key, value, stream)
) STRICT, WITHOUT ROWID;

CREATE INDEX attribute_of_stream ON attribute (stream);

CREATE TRIGGER attributes_of_new_stream
AFTER INSERT ON stream WHEN NEW.attributes <> '{}'
BEGIN
    INSERT INTO attribute (key, value, stream)
    SELECT key, CASE type WHEN 'text' THEN json_quote(atom)
        WHEN 'integer' THEN atom WHEN 'real' THEN atom ELSE type END, NEW.id
    FROM json_each(NEW.attributes) WHERE type NOT IN ('array', 'object');
END;

CREATE TRIGGER attributes_of_changed_stream
AFTER UPDATE OF attributes ON stream WHEN NEW.attributes <> OLD.attributes
BEGIN
    DELETE FROM attribute WHERE stream = NEW.id;
    INSERT INTO attribute (key, value, stream)
    SELECT key, CASE type WHEN 'text' THEN json_quote(atom)
        WHEN 'integer' THEN atom WHEN 'real' THEN atom ELSE type END, NEW.id
    FROM json_each(NEW.attributes) WHERE type NOT IN ('array', 'object');
END;

-- Every opening of the log for writing, while it lasts. A process that stopped without
-- closing is found dead by the lock on its side file, or when its lease has run out.
CREATE TABLE owner (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    label      TEXT    NOT NULL,                    -- who it is, for people
    host       TEXT    NOT NULL,                    -- where its side file can be locked
    opened_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL                     -- the end of its lease
) STRICT;

-- Commands from processes that do not own the stream. A row goes away in the transaction
-- that records its effect.
CREATE TABLE inbox (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,    -- order of posting
    stream    INTEGER NOT NULL REFERENCES stream (id),
    command   TEXT    NOT NULL,                     -- signal | pause | cancel | ...
    data      TEXT    NOT NULL CHECK (json_valid(data)),
    key       TEXT,                                 -- a second row with it is not stored
    posted_at INTEGER NOT NULL,
    checksum  INTEGER,  -- CRC-32 of command, data, key, stream; an older log has none
    UNIQUE (stream, key)
) STRICT;

-- For people: executions and histories with names and times they can read.
CREATE VIEW execution AS
SELECT
    stream.name AS id,
    stream.type AS workflow,
    stream.status,
    stream.head AS events,
    strftime('%Y-%m-%dT%H:%M:%fZ', stream.created_at / 1e6, 'unixepoch') AS created_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', stream.updated_at / 1e6, 'unixepoch') AS updated_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', stream.wake_at / 1e6, 'unixepoch') AS wake_at,
    stream.waits,
    stream.attributes,
    owner.label AS owner,
    stream.parent
FROM stream LEFT JOIN owner ON owner.id = stream.owner
WHERE stream.kind = 'execution';

CREATE VIEW history AS
SELECT
    event.position,
    stream.kind,
    stream.name AS stream,
    event.seq,
    strftime('%Y-%m-%dT%H:%M:%fZ', event.time / 1e6, 'unixepoch') AS time,
    event.address,
    event.type,
    event.data
FROM event JOIN stream ON stream.id = event.stream;
