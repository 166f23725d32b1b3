-- The key that closes and opens what the MTA carries from the front listener of a split to the inner one. All relay
-- hosts of a database share it. There is one row at most.
CREATE TABLE pass_key (
    id     INTEGER PRIMARY KEY,     -- always 1
    secret BLOB NOT NULL            -- 32 octets
);
