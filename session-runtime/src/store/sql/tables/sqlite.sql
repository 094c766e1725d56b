-- Sessions on SQLite 3.24 or later.
CREATE TABLE IF NOT EXISTS sessions (
    id         BLOB PRIMARY KEY NOT NULL,   -- 16 bytes that open no session
    revision   INTEGER NOT NULL,            -- of the last write, for compare-and-swap
    expires_at INTEGER NOT NULL,            -- milliseconds since 1970, by the application's clock
    value      BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expires_at);
