package servertest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// fakeT is a test whose failures are values.
type fakeT struct {
	testing.TB
	failed  []string
	logged  []string
	skipped bool
	cleanup []func()
}

func (*fakeT) Helper()                  {}
func (*fakeT) Context() context.Context { return context.Background() }
func (f *fakeT) Log(args ...any)        { f.logged = append(f.logged, fmt.Sprint(args...)) }
func (f *fakeT) Failed() bool           { return len(f.failed) > 0 }
func (f *fakeT) Skipped() bool          { return f.skipped }
func (f *fakeT) Cleanup(do func())      { f.cleanup = append(f.cleanup, do) }

func (f *fakeT) Errorf(format string, args ...any) {
	f.failed = append(f.failed, fmt.Sprintf(format, args...))
}

func (f *fakeT) Logf(format string, args ...any) { f.Log(fmt.Sprintf(format, args...)) }

func (f *fakeT) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	panic(f)
}

// end is the end of the test.
func (f *fakeT) end() {
	for _, do := range slices.Backward(f.cleanup) {
		do()
	}
}
