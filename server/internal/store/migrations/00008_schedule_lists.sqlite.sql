-- +goose Up
DROP TRIGGER schedule_deleted;
-- +goose StatementBegin
CREATE TRIGGER schedule_deleted AFTER DELETE ON schedule WHEN OLD.repo = '' BEGIN
    DELETE FROM schedule_target WHERE world = OLD.world AND schedule = OLD.id;
END;
-- +goose StatementEnd
