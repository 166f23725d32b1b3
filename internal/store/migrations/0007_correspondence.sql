-- Who has sent whom an encrypted message, if the configuration wants that known. A pair of addresses is a digest: it can be
-- asked about, but not read.
CREATE TABLE correspondence (
    pair TEXT PRIMARY KEY,          -- a digest of writer and reader
    day  BIGINT NOT NULL            -- the last day that it was seen, counted from 1970-01-01
);
CREATE INDEX correspondence_day ON correspondence (day);
