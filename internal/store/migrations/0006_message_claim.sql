-- Messages in work, where several hosts share the database, so that no two send the copies of one. Rows are of use while
-- their message is in work, and until then at most.
CREATE TABLE message_claim (
    message TEXT PRIMARY KEY,       -- a digest
    holder  TEXT NOT NULL,          -- the host
    until   BIGINT NOT NULL         -- Unix seconds by the clock of the database server
);
