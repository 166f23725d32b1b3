-- OpenPGP certificates.
CREATE TABLE certificate (
    fingerprint TEXT PRIMARY KEY,   -- upper-case hexadecimal
    blob        BLOB NOT NULL,
    added       BIGINT NOT NULL,    -- Unix seconds
    updated     BIGINT NOT NULL     -- Unix seconds
);

-- Which addresses a certificate serves, and on whose word.
CREATE TABLE certificate_address (
    address     TEXT NOT NULL,      -- in the form it is looked up by
    fingerprint TEXT NOT NULL REFERENCES certificate (fingerprint) ON DELETE CASCADE,
    source      TEXT NOT NULL,      -- who gave the certificate
    assigned    BOOLEAN NOT NULL,   -- an administrator said so; otherwise the certificate says so itself
    PRIMARY KEY (address, source, fingerprint)
);
CREATE INDEX certificate_address_fingerprint ON certificate_address (fingerprint);

-- Which secret key signs for an address. The key itself is in a file.
CREATE TABLE sender_key (
    address     TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    created     BIGINT NOT NULL     -- Unix seconds
);
CREATE INDEX sender_key_fingerprint ON sender_key (fingerprint);

-- Addresses that ever had a certificate. Rows stay when the certificate goes.
CREATE TABLE address_seen (
    address     TEXT PRIMARY KEY,
    seen        BIGINT NOT NULL     -- Unix seconds, the first time
);

-- One row. Every change of certificates, their addresses and sender keys raises it, so that a cache knows when it is
-- out of date.
CREATE TABLE key_generation (
    generation  BIGINT NOT NULL
);
INSERT INTO key_generation VALUES (0);
