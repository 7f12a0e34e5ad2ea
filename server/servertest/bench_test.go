package servertest_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/qcsdev/qcs/client/emulator"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/servertest"
)

// BenchmarkNew measures the time to start an emulator for one test, and the memory of a thousand emulators.
func BenchmarkNew(b *testing.B) {
	servertest.New(b, servertest.WithoutRunner()) // the first one reads the documents and unpacks the empty database
	b.Run("empty", func(b *testing.B) {
		for b.Loop() {
			servertest.New(b, servertest.WithoutRunner())
		}
	})
	b.Run("release-notes", func(b *testing.B) {
		for b.Loop() {
			servertest.New(b, servertest.WithoutRunner(), servertest.WithSeed("release-notes"))
		}
	})
	b.Run("1000-at-once", func(b *testing.B) {
		for b.Loop() {
			before := memory(b)
			for range 1000 {
				servertest.New(b, servertest.WithoutRunner())
			}
			b.ReportMetric((memory(b)-before)/1000/(1<<10), "KiB/emulator")
		}
	})
}

// memory returns the resident memory of the process in bytes, as the database is not on the heap of Go.
func memory(b *testing.B) float64 {
	runtime.GC()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip("needs /proc to read the resident memory")
	}
	var size, resident float64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		b.Fatal(err)
	}
	return resident * float64(os.Getpagesize())
}

// BenchmarkWorld measures the operations on worlds of a running emulator, with the data of the release notes' samples.
func BenchmarkWorld(b *testing.B) {
	srv := servertest.New(b, servertest.WithoutRunner())
	admin, ctx := emulator.New(srv.URL, "", srv.HTTP()), b.Context()
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	_, err := admin.CreateWorld(ctx, control.WorldRequest{Name: "origin", Seed: "release-notes"})
	check(err)
	n := 0
	create := func(seed string) string {
		n++
		w, err := admin.CreateWorld(ctx, control.WorldRequest{Name: fmt.Sprint("w", n), Seed: seed})
		check(err)
		return w.Name
	}
	b.Run("create-empty", func(b *testing.B) {
		for b.Loop() {
			create("")
		}
	})
	b.Run("create-seeded", func(b *testing.B) {
		for b.Loop() {
			create("release-notes")
		}
	})
	b.Run("clone", func(b *testing.B) {
		for b.Loop() {
			n++
			_, err := admin.CloneWorld(ctx, "origin", control.WorldRequest{Name: fmt.Sprint("w", n)})
			check(err)
		}
	})
	b.Run("reset-seeded", func(b *testing.B) {
		for b.Loop() {
			check(admin.ResetWorld(ctx, "origin", control.WorldReset{Seed: "release-notes"}))
		}
	})
	b.Run("create-and-drop", func(b *testing.B) {
		for b.Loop() {
			check(admin.DropWorld(ctx, create("")))
		}
	})
}
