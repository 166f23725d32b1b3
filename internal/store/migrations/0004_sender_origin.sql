-- Where a sender's secret key comes from. A key without a row was here before such rows, and counts as imported.
CREATE TABLE sender_origin (
    fingerprint TEXT PRIMARY KEY,   -- upper-case hexadecimal
    generated   BOOLEAN NOT NULL    -- made here; otherwise it may be managed elsewhere
);

-- Secret keys, where the configuration has them in the database, each locked with a passphrase.
CREATE TABLE sender_secret (
    fingerprint TEXT PRIMARY KEY,
    blob        BLOB NOT NULL,
    revision    BIGINT NOT NULL,    -- another one after every change
    changed     BIGINT NOT NULL     -- Unix seconds
);

-- Revocation certificates of those keys. They stay when the secret key goes: that is when they are needed.
CREATE TABLE sender_revocation (
    fingerprint TEXT PRIMARY KEY,
    text        TEXT NOT NULL
);
