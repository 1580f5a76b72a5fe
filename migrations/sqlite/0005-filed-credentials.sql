-- The credentials of each holder, in place of an index: an index costs every issuance a page that nothing else in its batch
-- touches, and many at once, in the order of their holders, share theirs (src/adapters/sqlite/filing.ts).
CREATE TABLE held_credential (
  holder INTEGER NOT NULL,
  idx    INTEGER NOT NULL,
  PRIMARY KEY (holder, idx)
) STRICT, WITHOUT ROWID;

-- What was issued before `below` stands there. The others are few, and are looked through where they are.
CREATE TABLE filing (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  below INTEGER NOT NULL
) STRICT;

INSERT INTO held_credential (holder, idx) SELECT holder, idx FROM credential ORDER BY holder, idx;
INSERT INTO filing (id, below) SELECT 1, coalesce(max(idx) + 1, 0) FROM credential;
DROP INDEX credential_holder;
