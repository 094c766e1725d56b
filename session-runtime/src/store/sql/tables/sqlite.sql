-- Sessions on SQLite 3.24 or later. Moments are milliseconds since 1970, of the application's clock.
CREATE TABLE IF NOT EXISTS sessions (
    id         BLOB PRIMARY KEY NOT NULL,   -- 16 bytes, which open nothing
    revision   INTEGER NOT NULL,            -- of the last change, by which two at once notice each other
    expires_at INTEGER NOT NULL,
    user_hash  BLOB,                        -- whose it is; NULL: nobody signed in
    record     BLOB NOT NULL                -- deadlines, digests, and the fields
);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expires_at);

-- Which sessions are whose: never fewer than there are, and what is too much goes by itself.
CREATE TABLE IF NOT EXISTS sessions_users (
    id         BLOB NOT NULL,
    user_hash  BLOB NOT NULL,
    entered_at INTEGER NOT NULL,
    place      INTEGER NOT NULL,            -- among the user's
    check_at   INTEGER NOT NULL,            -- when clean-up sees whether the session is still there
    PRIMARY KEY (id, user_hash)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sessions_users_user ON sessions_users (user_hash, place);
CREATE INDEX IF NOT EXISTS sessions_users_check ON sessions_users (check_at);
