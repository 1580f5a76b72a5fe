-- Where something that may be used once was first used: a cutoff after it ends its use by the same key too.
ALTER TABLE spent ADD COLUMN idx INTEGER;
