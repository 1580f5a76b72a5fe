-- Where each epoch begins: an index means nothing without its epoch.
CREATE TABLE epoch (
  epoch     INTEGER PRIMARY KEY,
  first_idx INTEGER NOT NULL,
  opened_ms INTEGER NOT NULL
) STRICT;

INSERT INTO epoch (epoch, first_idx, opened_ms) SELECT epoch, 0, 0 FROM log_state WHERE size > 0;

-- Why the log takes no facts until an operator opens a new epoch (DEC-10, DEC-11); no row while it takes them.
-- `epoch` is the newest epoch that anyone is known to remember.
CREATE TABLE read_only (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  reason   TEXT    NOT NULL,
  epoch    INTEGER NOT NULL,
  since_ms INTEGER NOT NULL
) STRICT;
