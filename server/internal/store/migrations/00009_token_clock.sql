-- +goose Up
-- The clock by which the tokens of a world expire: real, that of the machine, or world.
ALTER TABLE world ADD COLUMN tokens text NOT NULL DEFAULT 'real';
