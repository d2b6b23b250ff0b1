-- The same picture for a tile of a grid: sixty of the larger ones weigh six megabytes.
ALTER TABLE previews ADD COLUMN small BLOB;
