package rewind_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/client/internal/rewind"
)

func request(t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://qcs.test/p", body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequestStartsTheBodyAgain(t *testing.T) {
	t.Parallel()
	r := request(t, strings.NewReader("text"))
	for range 2 {
		again, err := rewind.Request(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(again.Body); string(got) != "text" || err != nil {
			t.Errorf("got %q, %v, want text", got, err)
		}
	}
}

func TestRequestWithoutBody(t *testing.T) {
	t.Parallel()
	for _, body := range []io.Reader{nil, http.NoBody} {
		if again, err := rewind.Request(request(t, body)); err != nil || again.Body != nil && again.Body != http.NoBody {
			t.Errorf("got %v, want no body", err)
		}
	}
}

func TestRequestFails(t *testing.T) {
	t.Parallel()
	once := request(t, io.MultiReader(strings.NewReader("text")))
	if _, err := rewind.Request(once); err == nil || err.Error() != "POST /p: the body cannot be sent again" {
		t.Errorf("got %v, want an error", err)
	}
	broken := errors.New("broken")
	once.GetBody = func() (io.ReadCloser, error) { return nil, broken }
	if _, err := rewind.Request(once); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}
