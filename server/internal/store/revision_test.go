package store

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRevision: a revision that is remembered is not asked for again, and what anybody writes, also another process, is seen at once.
func TestRevision(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "qcs.db")
	ours, other := opened(t, path), opened(t, path)
	write := func(s *Store) {
		t.Helper()
		if err := s.Write(t.Context(), "w", func(tx *Tx) error { return tx.revise(t.Context()) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := ours.Write(t.Context(), "w", func(tx *Tx) error { return tx.PutWorld(t.Context(), "w", PlanFull, 0) }); err != nil {
		t.Fatal(err)
	}
	ago := time.Now().Add(-time.Hour)
	for round, step := range []struct {
		do    func()
		want  int64
		asked int
	}{
		{func() {}, 0, 1},
		{func() { write(other) }, 1, 1},
		{func() {}, 1, 1}, // it was written to just now
		{func() {
			if err := os.Chtimes(path+"-wal", ago, ago); err != nil {
				t.Fatal(err)
			}
		}, 1, 1},
		{func() {}, 1, 0},
		{func() {}, 1, 0},
		{func() { write(other) }, 2, 1},
		{func() { write(ours) }, 3, 1},
	} {
		step.do()
		asked := 0
		ctx := withQueries(t.Context(), func(statement) { asked++ })
		if n, err := ours.Revision(ctx, "w"); err != nil || n != step.want || asked != step.asked {
			t.Errorf("round %d: got %d by %d questions, %v; want %d by %d", round, n, asked, err, step.want, step.asked)
		}
	}
	if n, err := ours.Revision(context.Background(), "none"); err == nil {
		t.Errorf("a world that does not exist: got %d", n)
	}
}
