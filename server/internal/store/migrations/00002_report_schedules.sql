-- +goose Up
ALTER TABLE report_schedule ADD COLUMN due_at bigint NOT NULL DEFAULT 0;
CREATE INDEX report_schedule_due ON report_schedule (world, due_at) WHERE due_at > 0;
ALTER TABLE report ADD COLUMN kind text NOT NULL DEFAULT 'ON_DEMAND';
ALTER TABLE report ADD COLUMN packed boolean NOT NULL DEFAULT FALSE;
