-- Sessions on PostgreSQL 12 or later. Moments are milliseconds since 1970, of the application's clock.
CREATE TABLE IF NOT EXISTS sessions (
    id         BYTEA PRIMARY KEY,   -- 16 bytes, which open nothing
    revision   BIGINT NOT NULL,     -- of the last change, by which two at once notice each other
    expires_at BIGINT NOT NULL,
    user_hash  BYTEA,               -- whose it is; NULL: nobody signed in
    record     BYTEA NOT NULL       -- deadlines, digests, and the fields
);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expires_at);

-- Which sessions are whose: never fewer than there are, and what is too much goes by itself.
CREATE TABLE IF NOT EXISTS sessions_users (
    id         BYTEA NOT NULL,
    user_hash  BYTEA NOT NULL,
    entered_at BIGINT NOT NULL,
    place      BIGINT NOT NULL,     -- among the user's
    check_at   BIGINT NOT NULL,     -- when clean-up sees whether the session is still there
    PRIMARY KEY (id, user_hash)
);
CREATE INDEX IF NOT EXISTS sessions_users_user ON sessions_users (user_hash, place);
CREATE INDEX IF NOT EXISTS sessions_users_check ON sessions_users (check_at);
