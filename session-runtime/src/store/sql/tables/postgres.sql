-- Sessions on PostgreSQL 12 or later.
CREATE TABLE IF NOT EXISTS sessions (
    id         BYTEA PRIMARY KEY,   -- 16 bytes that open no session
    revision   BIGINT NOT NULL,     -- of the last write, for compare-and-swap
    expires_at BIGINT NOT NULL,     -- milliseconds since 1970, by the application's clock
    value      BYTEA NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expires_at);
