-- +goose Up
ALTER TABLE job ADD COLUMN lease bigint NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN mark text NOT NULL DEFAULT '';
UPDATE job SET mark = '{"seq":' || position || '}' WHERE ended = 0 AND selection NOT LIKE '%"ids"%';
ALTER TABLE world ADD COLUMN held bigint NOT NULL DEFAULT 0;
ALTER TABLE world ADD COLUMN revision bigint NOT NULL DEFAULT 0;
