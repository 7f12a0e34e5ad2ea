-- +goose Up
ALTER TABLE world ADD COLUMN generation bigint NOT NULL DEFAULT 0;
CREATE TABLE snapshot (
    world      text   NOT NULL,
    name       text   NOT NULL,
    taken      bigint NOT NULL,
    rows       bigint NOT NULL,
    plan       text   NOT NULL,
    seq        bigint NOT NULL,
    frozen_at  bigint NOT NULL,
    clock_rate bigint NOT NULL,
    profile    text   NOT NULL,
    PRIMARY KEY (world, name)
);
