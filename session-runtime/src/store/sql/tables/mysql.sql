-- Sessions on MySQL 8 or MariaDB 10.6, or later.
CREATE TABLE IF NOT EXISTS sessions (
    id         BINARY(16) NOT NULL PRIMARY KEY,   -- opens no session
    revision   BIGINT NOT NULL,                   -- of the last write, for compare-and-swap
    expires_at BIGINT NOT NULL,                   -- milliseconds since 1970, by the application's clock
    value      LONGBLOB NOT NULL,
    INDEX sessions_expiry (expires_at)
) ENGINE = InnoDB;
