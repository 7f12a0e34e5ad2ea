package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestLogThatWasMadeAnew: SQLite removes its log with the last connection; the next one is another file of the same name.
func TestLogThatWasMadeAnew(t *testing.T) {
	t.Parallel()
	l := newLogFile(filepath.Join(t.TempDir(), "qcs.db"), nil)
	if _, _, there := l.look(); there {
		t.Error("there is no log yet")
	}
	for _, text := range []string{"first", "another one"} {
		if err := os.WriteFile(l.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, size, there := l.look(); !there || size != int64(len(text)) {
				t.Errorf("%s: got %d bytes, there is %v", text, size, there)
			}
		}
		if err := os.Remove(l.path); err != nil {
			t.Fatal(err)
		}
		if _, _, there := l.look(); there {
			t.Errorf("%s: it is there after it was removed", text)
		}
	}
	l.close()
}

// TestRevision: a revision that is remembered is not asked for again, and what anybody writes, also another process, is seen at once.
func TestRevision(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "qcs.db")
	ours, other := opened(t, path), opened(t, path)
	write := func(s *Store) func() {
		return func() {
			if err := s.Write(t.Context(), "w", func(tx *Tx) error { return nil }); err != nil {
				t.Error(err)
			}
		}
	}
	log := func(written time.Time) func() {
		return func() {
			if err := os.Chtimes(path+"-wal", written, written); err != nil {
				t.Error(err)
			}
		}
	}
	if err := ours.Write(t.Context(), "w", func(tx *Tx) error { return tx.PutWorld(t.Context(), "w", PlanFull, 0) }); err != nil {
		t.Fatal(err)
	}
	first, err := ours.Revision(t.Context(), "w")
	if err != nil {
		t.Fatal(err)
	}
	ago := time.Now().Add(-time.Hour).Truncate(time.Second).Add(time.Millisecond)
	var committed func()
	for _, step := range []struct {
		name  string
		do    func()
		more  int64
		asked int
	}{
		{"just made", func() {}, 0, 1},
		{"another process wrote", write(other), 1, 1},
		{"just now", func() {}, 1, 1},
		{"an hour ago", log(ago), 1, 1},
		{"remembered", func() {}, 1, 0},
		{"a commit of ours is under way", func() { committed = ours.clocks.forget() }, 1, 1},
		{"it is done", func() { committed() }, 1, 1},
		{"remembered again", func() {}, 1, 0},
		{"another process writes again", write(other), 2, 1},
		{"we write", write(ours), 3, 1},
		{"an hour ago again", log(ago), 3, 1},
		{"still remembered", func() {}, 3, 0},
		{"read a second ago", func() { ours.log.all["w"] = revisionAt{ours.log.all["w"].stamp, time.Now().Add(-remembers), 0} }, 3, 1},
		{"on a file system that knows whole seconds", log(ago.Truncate(time.Second)), 3, 1},
		{"on the same", func() {}, 3, 1},
	} {
		step.do()
		asked := 0
		n, err := ours.Revision(withQueries(t.Context(), func(statement) { asked++ }), "w")
		if err != nil || n != first+step.more || asked != step.asked {
			t.Errorf("%s: got %d more by %d questions, %v; want %d by %d", step.name, n-first, asked, err, step.more, step.asked)
		}
	}
	if n, err := ours.Revision(t.Context(), "none"); err == nil {
		t.Errorf("a world that does not exist: got %d", n)
	}
}
