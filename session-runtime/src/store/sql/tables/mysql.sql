-- Sessions on MySQL 8 or MariaDB 10.6, or later. Moments are milliseconds since 1970, of the application's clock.
CREATE TABLE IF NOT EXISTS sessions (
    id         BINARY(16) NOT NULL PRIMARY KEY,   -- opens nothing
    revision   BIGINT NOT NULL,                   -- of the last change, by which two at once notice each other
    expires_at BIGINT NOT NULL,
    user_hash  BINARY(16),                        -- whose it is; NULL: nobody signed in
    record     LONGBLOB NOT NULL,                 -- deadlines, digests, and the fields
    INDEX sessions_expiry (expires_at)
) ENGINE = InnoDB;

-- Which sessions are whose: never fewer than there are, and what is too much goes by itself.
CREATE TABLE IF NOT EXISTS sessions_users (
    id         BINARY(16) NOT NULL,
    user_hash  BINARY(16) NOT NULL,
    entered_at BIGINT NOT NULL,
    place      BIGINT NOT NULL,                   -- among the user's
    check_at   BIGINT NOT NULL,                   -- when clean-up sees whether the session is still there
    PRIMARY KEY (id, user_hash),
    INDEX sessions_users_user (user_hash, place),
    INDEX sessions_users_check (check_at)
) ENGINE = InnoDB;
