-- How far the source of a certificate is believed for an address; the levels of package keys, 1 to 8.
ALTER TABLE certificate_address ADD COLUMN level SMALLINT NOT NULL DEFAULT 7;

-- What remote sources said of addresses, so that they are not asked for every message.
CREATE TABLE lookup (
    address     TEXT NOT NULL,      -- in the form it is looked up by
    source      TEXT NOT NULL,
    outcome     SMALLINT NOT NULL,  -- the outcomes of package keys
    detail      TEXT NOT NULL,      -- for people
    asked       BIGINT NOT NULL,    -- Unix seconds
    expires     BIGINT NOT NULL,    -- Unix seconds; until then the source is not asked again for a message
    PRIMARY KEY (address, source)
);
CREATE INDEX lookup_asked ON lookup (asked);

-- Whether domains run a key service.
CREATE TABLE key_service (
    domain      TEXT NOT NULL,
    source      TEXT NOT NULL,
    served      BIGINT NOT NULL,    -- Unix seconds, when it first served or announced a key; 0 for never
    silent      BIGINT NOT NULL,    -- Unix seconds, since when every question has failed; 0 if the last was answered
    asked       BIGINT NOT NULL,    -- Unix seconds
    inquired    BIGINT NOT NULL,    -- Unix seconds, when it was last asked whether it announces keys; 0 for never
    PRIMARY KEY (domain, source)
);

-- The certificate that was first used for an address, or that an administrator has chosen.
CREATE TABLE pin (
    address     TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    level       SMALLINT NOT NULL,
    source      TEXT NOT NULL,
    pinned      BIGINT NOT NULL,    -- Unix seconds
    refresh     BIGINT NOT NULL,    -- Unix seconds, when the sources are next asked about it in the background
    former      TEXT NOT NULL       -- fingerprints of those that have certified it as their successor, with blanks between
);
CREATE INDEX pin_refresh ON pin (refresh);
CREATE INDEX pin_fingerprint ON pin (fingerprint);

-- Certificates that a source gave for an address and that must not take the place of the pinned one by themselves.
CREATE TABLE conflict (
    address     TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    source      TEXT NOT NULL,
    level       SMALLINT NOT NULL,
    why         TEXT NOT NULL,      -- for people
    since       BIGINT NOT NULL,    -- Unix seconds
    PRIMARY KEY (address, fingerprint)
);
