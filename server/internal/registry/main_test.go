package registry_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/qcsdev/qcs/server/internal/postgrestest"
	"github.com/qcsdev/qcs/server/internal/store"
)

func TestMain(m *testing.M) {
	os.Exit(postgrestest.Both(m, func(url string) error {
		s, err := store.Open(context.Background(), url, time.Now)
		if err != nil {
			return err
		}
		return s.Close()
	}))
}
