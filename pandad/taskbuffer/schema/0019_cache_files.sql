-- What people uploaded for their jobs; the files themselves lie in the folder of [cache].
-- Older pandads: work on
CREATE TABLE cache_file (
    name    text PRIMARY KEY,
    anchor  text NOT NULL,
    subject text NOT NULL,
    bytes   bigint NOT NULL,
    crc     bigint NOT NULL,  -- what its last eight bytes say, as those of a gzip file do
    digest  bytea NOT NULL,  -- SHA-256 of the whole file
    host    text NOT NULL,  -- that took it
    stored  timestamptz NOT NULL DEFAULT now(),
    used    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT cache_file_numbers CHECK (bytes >= 0 AND crc BETWEEN 0 AND 4294967295),
    CONSTRAINT cache_file_digest CHECK (octet_length(digest) = 32)
);
CREATE INDEX cache_file_of ON cache_file (subject, anchor, bytes, crc);
CREATE INDEX cache_file_used ON cache_file (used);
