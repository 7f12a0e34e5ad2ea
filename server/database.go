package server

import (
	"context"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"time"

	"github.com/qcsdev/qcs/server/internal/store"
)

// Database is a database that several emulators share; see package postgres. Without one, the data
// is in a SQLite database of the process.
type Database interface {
	fmt.Stringer // where the database is, without a password
	// Connector connects to the database.
	Connector() driver.Connector
	// Queue opens the queue that distributes the background work to the emulators.
	Queue(ctx context.Context, work Work, log *slog.Logger) (Queue, error)
}

// Work is the background work of an emulator. WorkJob and StepLife report whether there is more.
type Work interface {
	OpenJobs(ctx context.Context) ([]store.JobKey, error)
	WorkJob(ctx context.Context, k store.JobKey, d time.Duration) (more bool, err error)
	StepLife(ctx context.Context) (more bool, err error)
}

// Queue distributes background work to the emulators that share a database.
type Queue interface {
	// Enqueue passes a job to the emulators. It does not block.
	Enqueue(k store.JobKey)
	// Run works until the context ends.
	Run(ctx context.Context) error
	// Close closes the connections. Run must have ended.
	Close()
}
