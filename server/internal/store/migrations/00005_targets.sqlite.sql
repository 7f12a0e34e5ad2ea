-- +goose Up
CREATE TABLE target (
    world    text   NOT NULL,
    schedule text   NOT NULL,
    position bigint NOT NULL,
    repo     text   NOT NULL,
    tag      text   NOT NULL,
    PRIMARY KEY (world, schedule, position)
) WITHOUT ROWID;
INSERT INTO target SELECT world, schedule, position, repo, tag FROM schedule_target ORDER BY world, schedule, position;
DROP TABLE schedule_target;
ALTER TABLE target RENAME TO schedule_target;
-- A foreign key that deletes looks for the targets of each schedule twice, and then for the schedule.
-- +goose StatementBegin
CREATE TRIGGER schedule_deleted AFTER DELETE ON schedule BEGIN
    DELETE FROM schedule_target WHERE world = OLD.world AND schedule = OLD.id;
END;
-- +goose StatementEnd
