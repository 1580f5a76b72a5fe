-- The parent that a changed or deleted entry had before: whoever it was told to hears that it is gone (DEC-35).
ALTER TABLE change_feed ADD COLUMN was TEXT;
