-- Copies that are in the MTA's queue, so that a retry of their message does not send them again. Message and copy are
-- digests: the table tells nobody who wrote to whom.
CREATE TABLE sent_copy (
    message TEXT NOT NULL,
    copy    TEXT NOT NULL,
    expires BIGINT NOT NULL,        -- Unix seconds; from then on the row does not count
    PRIMARY KEY (message, copy)
);
CREATE INDEX sent_copy_expires ON sent_copy (expires);
