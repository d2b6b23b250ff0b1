-- Where a download lies, by which its media is found.
ALTER TABLE downloads ADD COLUMN path TEXT;
CREATE INDEX downloads_address ON downloads(address);
CREATE INDEX downloads_path ON downloads(path);
