package server_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/internal/store"
	"github.com/qcsdev/qcs/server/servertest"
)

// TestHostileTextInTheJournal makes calls with texts that no text of the document may have: what lists the calls is valid,
// which newServer checks.
func TestHostileTextInTheJournal(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	must[any](nil, srv.Control().StartRecording(t.Context()))(t)
	for _, tt := range []struct {
		name string
		call request
		want int
	}{
		{"NUL in a path", request{method: http.MethodGet, target: base + "/a%00b"}, http.StatusBadRequest},
		{"NUL in a path of no operation", request{method: http.MethodGet, target: "/a%00b"}, http.StatusNotFound},
		{"NUL in a name and a value of a query", request{method: http.MethodGet, target: base + "?a%00b=c%00d"}, http.StatusBadRequest},
		{"NUL in a body", request{method: http.MethodPost, target: base, contentType: "application/json", body: "{\"a\x00\"}"}, http.StatusBadRequest},
		{"no UTF-8 in a body", request{method: http.MethodPost, target: base, contentType: "application/json", body: "{\"a\xff\"}"}, http.StatusBadRequest},
		{"a long query", request{method: http.MethodGet, target: base + "?filter=" + strings.Repeat("a", 100_000)}, http.StatusBadRequest},
	} {
		t.Run(tt.name, func(t *testing.T) { send(t, srv, tt.call).want(t, tt.want) })
	}
	if calls := srv.Requests(""); len(calls) != 6 || calls[0].Path != base+"/a\uFFFDb" || strings.ContainsRune(calls[3].Curl, 0) {
		t.Errorf("got %+v", calls)
	}
	har := get(t, srv, "/_qcs/journal/har").want(t, http.StatusOK)
	for _, text := range []string{`"url":"http://qcs.test` + base + `/a%EF%BF%BDb"`, `{"name":"a` + "\uFFFD" + `b","value":"c` + "\uFFFD" + `d"}`} {
		if !strings.Contains(har, text) {
			t.Errorf("got %s, want %s", har, text)
		}
	}
	get(t, srv, "/_qcs/unmatched").want(t, http.StatusOK)
	must(srv.Control().Verify(t.Context(), control.Expectation{Operation: "CancelSchedules"}))(t)
	recorded := must(srv.Control().Recording(t.Context()))(t)
	if calls := recorded.Recording.Calls; len(calls) != 7 || calls[0].Base64 || !calls[3].Base64 || !calls[4].Base64 {
		t.Errorf("got %+v", calls)
	}
}

// TestLargeBodiesWhereNoneIsDue checks that a body that is too large is refused as any other body of an operation that
// takes none: those operations have no 413.
func TestLargeBodiesWhereNoneIsDue(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	for _, explain := range []bool{false, true} {
		r := request{method: http.MethodGet, target: base, contentType: "application/json", body: strings.Repeat(" ", 2<<20), explain: explain}
		send(t, srv, r).refused(t, http.StatusBadRequest, "ListRegistries takes none")
	}
}

// TestTokenOfAUserThatIsGone checks that a world which another call removes while it is created is a 404, not a 500.
func TestTokenOfAUserThatIsGone(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{Users: []server.User{{Name: "joe", Password: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Token("gone"); !errors.Is(err, store.ErrNotFound) || err.Error() != "no user gone: not found" {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}
