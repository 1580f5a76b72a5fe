-- The ledger: the log with its Merkle state, and every row that admission reads (DEC-2).
-- Ids of records are 16 octets, digests 32; times end in _ms or are Unix seconds.

CREATE TABLE log_state (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  log_id       TEXT    NOT NULL,
  trust_domain TEXT    NOT NULL,
  epoch        INTEGER NOT NULL,
  size         INTEGER NOT NULL,
  root         BLOB    NOT NULL,
  time_ms      INTEGER NOT NULL
) STRICT;

-- Leaves and details are packed (src/adapters/sqlite/packed-text.ts).
CREATE TABLE log_entry (
  idx  INTEGER PRIMARY KEY,
  leaf BLOB NOT NULL
) STRICT;

CREATE TRIGGER log_entry_is_never_changed BEFORE UPDATE ON log_entry
BEGIN SELECT RAISE(ABORT, 'an entry of the log is never changed'); END;

CREATE TRIGGER log_entry_is_never_deleted BEFORE DELETE ON log_entry
BEGIN SELECT RAISE(ABORT, 'an entry of the log is never deleted'); END;

-- One row a tile; it grows to 256 hashes of 32 octets and every shorter tile is a prefix of it.
CREATE TABLE log_tile (
  level  INTEGER NOT NULL,
  n      INTEGER NOT NULL,
  hashes BLOB    NOT NULL,
  PRIMARY KEY (level, n)
) STRICT;

CREATE TRIGGER log_tile_never_shrinks BEFORE UPDATE ON log_tile
WHEN length(NEW.hashes) < length(OLD.hashes)
BEGIN SELECT RAISE(ABORT, 'a tile of the log never shrinks'); END;

CREATE TRIGGER log_tile_is_never_deleted BEFORE DELETE ON log_tile
BEGIN SELECT RAISE(ABORT, 'a tile of the log is never deleted'); END;

-- The only part of a fact that can be erased (TL-14).
CREATE TABLE audit_detail (
  idx         INTEGER PRIMARY KEY,
  salt        BLOB    NOT NULL,
  detail      BLOB    NOT NULL,
  erase_after INTEGER NOT NULL
) STRICT;

-- Strings that many holders or credentials share, written once: SPIFFE IDs of agents, key ids.
CREATE TABLE name (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- Whom credentials are for: a SPIFFE ID, with the entry and the agent that it came through; once for all of theirs.
-- `key` is a digest of all three, so that each issuance finds its holder on one short page.
CREATE TABLE holder (
  id      INTEGER PRIMARY KEY,
  key     BLOB NOT NULL UNIQUE,
  subject TEXT NOT NULL,
  entry   TEXT,
  agent   INTEGER
) STRICT;

CREATE INDEX holder_subject ON holder (subject);
CREATE INDEX holder_entry ON holder (entry) WHERE entry IS NOT NULL;
CREATE INDEX holder_agent ON holder (agent) WHERE agent IS NOT NULL;

-- Keyed by the place in the log, so that each index holds a few octets a row. Each index costs every issuance a page that
-- nothing else in its batch touches; so there is one, and what else is searched for leads to holders first.
CREATE TABLE credential (
  idx         INTEGER PRIMARY KEY,
  id          BLOB    NOT NULL UNIQUE,
  kind        INTEGER NOT NULL,
  role        INTEGER NOT NULL,
  holder      INTEGER NOT NULL,
  authority   INTEGER NOT NULL,
  not_before  INTEGER NOT NULL,
  not_after   INTEGER NOT NULL,
  spki        BLOB,
  attestation BLOB,
  predecessor BLOB,
  superseded  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX credential_holder ON credential (holder);

-- Where decisions other than live credentials are on record.
CREATE TABLE decision (
  id  BLOB    NOT NULL PRIMARY KEY,
  idx INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attestation (
  id             BLOB    NOT NULL PRIMARY KEY,
  idx            INTEGER NOT NULL,
  attestor       TEXT    NOT NULL,
  role           TEXT    NOT NULL,
  spiffe_id      TEXT    NOT NULL,
  selectors      TEXT    NOT NULL,
  node_key       TEXT,
  attested_at_ms INTEGER NOT NULL,
  renew_until    INTEGER NOT NULL
) STRICT;

CREATE INDEX attestation_spiffe_id ON attestation (spiffe_id, idx);
CREATE INDEX attestation_renew_until ON attestation (renew_until);

-- The newest attestation of each agent.
CREATE TABLE agent (
  spiffe_id   TEXT NOT NULL PRIMARY KEY,
  attestation BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entry (
  id          TEXT    NOT NULL,
  revision    INTEGER NOT NULL,
  spiffe_id   TEXT    NOT NULL,
  parent_id   TEXT    NOT NULL,
  -- The one selector under which the entry is looked up: the one that its siblings use least.
  anchor      TEXT    NOT NULL,
  owner       TEXT,
  common_name TEXT,
  data        TEXT    NOT NULL
) STRICT;

-- With the revision, which is all that admission asks for: it reads no page of the table. Admission, too, sees to it that
-- there is one row of an id.
CREATE UNIQUE INDEX entry_id ON entry (id, revision);
CREATE INDEX entry_spiffe_id ON entry (spiffe_id);
CREATE INDEX entry_parent_anchor ON entry (parent_id, anchor);
CREATE INDEX entry_owner ON entry (owner) WHERE owner IS NOT NULL;
CREATE INDEX entry_common_name ON entry (common_name) WHERE common_name IS NOT NULL;

CREATE TABLE entry_selector (
  selector TEXT NOT NULL,
  entry    TEXT NOT NULL,
  PRIMARY KEY (selector, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE entry_tombstone (
  id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE resource (
  identifier TEXT    NOT NULL PRIMARY KEY,
  revision   INTEGER NOT NULL,
  data       TEXT    NOT NULL
) STRICT;

CREATE TABLE resource_name (
  name       TEXT NOT NULL PRIMARY KEY,
  identifier TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX resource_name_identifier ON resource_name (identifier);

CREATE TABLE join_token (
  id         BLOB    NOT NULL PRIMARY KEY,
  hash       BLOB    NOT NULL UNIQUE,
  purpose    TEXT    NOT NULL,
  expires_at INTEGER NOT NULL,
  voided     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX join_token_expires_at ON join_token (expires_at);

-- What may be used once, or by one key only (DEC-12).
CREATE TABLE spent (
  kind  TEXT    NOT NULL,
  key   TEXT    NOT NULL,
  spki  BLOB,
  until INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_until ON spent (until);

CREATE TABLE revocation (
  id           BLOB    NOT NULL PRIMARY KEY,
  target_kind  TEXT    NOT NULL,
  target_value TEXT    NOT NULL,
  predicates   TEXT    NOT NULL,
  idx          INTEGER NOT NULL,
  at_ms        INTEGER NOT NULL,
  reason       TEXT    NOT NULL,
  released_ms  INTEGER
) STRICT;

CREATE TABLE authority (
  id         TEXT    NOT NULL PRIMARY KEY,
  purpose    TEXT    NOT NULL,
  algorithm  TEXT    NOT NULL,
  generation INTEGER NOT NULL,
  state      TEXT    NOT NULL,
  tainted    INTEGER NOT NULL,
  data       TEXT    NOT NULL
) STRICT;

-- At most one active authority of a purpose; keys for tokens stand beside each other by algorithm.
CREATE UNIQUE INDEX authority_active
  ON authority (purpose, CASE WHEN purpose IN ('jwt-svid', 'access-token') THEN algorithm ELSE '' END)
  WHERE state = 'active';

CREATE TABLE bundle (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  sequence INTEGER NOT NULL
) STRICT;

INSERT INTO bundle (id, sequence) VALUES (1, 0);

-- What front ends hold in memory and agents must hear of.
CREATE TABLE change_feed (
  idx     INTEGER PRIMARY KEY,
  kind    TEXT NOT NULL,
  subject TEXT NOT NULL
) STRICT;

-- Shows that the store takes writes; no fact (DEC-34).
CREATE TABLE probe (
  id    INTEGER PRIMARY KEY CHECK (id = 1),
  at_ms INTEGER NOT NULL
) STRICT;
