-- +goose Up
-- A world has a number that is never used again, also after it was dropped.
ALTER TABLE world ADD COLUMN number bigint NOT NULL DEFAULT 0;
UPDATE world SET number = (SELECT COUNT(*) FROM world AS other WHERE other.id <= world.id);
CREATE TABLE world_number (last bigint NOT NULL);
INSERT INTO world_number SELECT COUNT(*) FROM world;
