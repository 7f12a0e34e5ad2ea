-- +goose Up
-- The schedules of a registry are a list with a number. Indexes begin with the number: it is much shorter than
-- the names of the world and the registry.
CREATE TABLE schedule_list (
    number   bigint NOT NULL PRIMARY KEY,
    world    text   NOT NULL,
    registry text   NOT NULL
);
CREATE UNIQUE INDEX schedule_list_registry ON schedule_list (world, registry);
INSERT INTO schedule_list (number, world, registry)
    SELECT ROW_NUMBER() OVER (ORDER BY world, registry), world, registry
    FROM (SELECT DISTINCT world, registry FROM schedule) AS used;
ALTER TABLE world_number ADD COLUMN list bigint NOT NULL DEFAULT 0;
UPDATE world_number SET list = (SELECT COUNT(*) FROM schedule_list);

-- A schedule has its target in the columns repo and tag if it is the only one and its repository has a name.
-- The targets of other schedules are rows of schedule_target, and repo is ''.
ALTER TABLE schedule ADD COLUMN list bigint NOT NULL DEFAULT 0;
ALTER TABLE schedule ADD COLUMN repo text NOT NULL DEFAULT '';
ALTER TABLE schedule ADD COLUMN tag text NOT NULL DEFAULT '';
DROP INDEX schedule_seq;
DROP INDEX schedule_created;
DROP INDEX schedule_status;
UPDATE schedule SET list = (SELECT number FROM schedule_list AS l
    WHERE l.world = schedule.world AND l.registry = schedule.registry);
UPDATE schedule SET (repo, tag) = (SELECT t.repo, t.tag FROM schedule_target AS t
        WHERE t.world = schedule.world AND t.schedule = schedule.id)
    WHERE (SELECT COUNT(*) FROM schedule_target AS t WHERE t.world = schedule.world AND t.schedule = schedule.id) = 1;
DELETE FROM schedule_target WHERE EXISTS (SELECT 1 FROM schedule AS s
    WHERE s.world = schedule_target.world AND s.id = schedule_target.schedule AND s.repo <> '');
CREATE UNIQUE INDEX schedule_seq ON schedule (list, seq);
CREATE INDEX schedule_created ON schedule (list, created, id);
CREATE INDEX schedule_status ON schedule (list, lower(status), created, id);
-- The columns at the end are for queries that then read the index only.
CREATE INDEX schedule_updated ON schedule (list, updated, id, created);
CREATE INDEX schedule_name ON schedule (list, name, id, lower(repo));

-- For pages of the list of worlds.
CREATE INDEX world_position ON world (position, id);
CREATE INDEX account_world ON account (world);
