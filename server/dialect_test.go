package server_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

func TestOlderVersions(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	for _, tt := range []struct {
		name   string
		call   request
		status int
	}{
		{"v1.2 list", request{method: "GET", target: "/csapi/v1.2/registry?pageNumber=1&pageSize=50"}, 200},
		{"v1.2 delete by query (release notes 1.12)", request{method: "DELETE", target: "/csapi/v1.2/registry?registryIds=x"}, 200},
		{"v1.1 list", request{method: "GET", target: "/csapi/v1.1/registry?pageNo=1&pageSize=50"}, 200},
		{"v1.1 page number has the same bounds", request{method: "GET", target: "/csapi/v1.1/registry?pageNo=0&pageSize=50"}, 400},
		{"v1.1 delete of schedules with a trailing slash and a bare array", request{method: "DELETE", target: "/csapi/v1.1/registry/" + sampleRegistry + "/schedule/", contentType: "application/json", body: `["f677b189-8b54-46ba-9d24-624b7e98767d"]`}, 200},
		{"v1.1 delete of registries with a bare array", request{method: "DELETE", target: "/csapi/v1.1/registry", contentType: "application/json", body: `["95b715e0-0fc7-4dac-b4de-2e1b92fc527d"]`}, 200},
		{"pageNo is not known to v1.3", request{method: "GET", target: base + "?pageNo=1"}, 400},
		{"nor to v1.2", request{method: "GET", target: "/csapi/v1.2/registry?pageNo=1"}, 400},
		{"there is no v1.0", request{method: "GET", target: "/csapi/v1.0/registry"}, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			send(t, srv, tt.call).want(t, tt.status)
		})
	}
}

func TestCredentialsOfV11AreBase64(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	encode := base64.StdEncoding.EncodeToString
	body := `{"registryType":"V2_PRIVATE","registryUri":"https://r.example.com","credentialType":"BasicAuth","credential":{"username":"` + encode([]byte("scanner")) + `","password":"` + encode([]byte("p")) + `"}}`
	id := field(t, post(t, srv, "/csapi/v1.1/registry", body).want(t, http.StatusOK), "registryUuid")
	if got := get(t, srv, base+"/"+id).want(t, http.StatusOK); !strings.Contains(got, `"username":"scanner"`) {
		t.Errorf("got %s, want the user name in clear", got)
	}
	for i, plain := range []string{"scan", "AAAA"} { // base64 of bytes that are no text
		body := fmt.Sprintf(`{"registryType":"V2_PRIVATE","registryUri":"https://r%d.example.com","credentialType":"BasicAuth","credential":{"username":"%s","password":"p"}}`, i, plain)
		id := field(t, post(t, srv, "/csapi/v1.1/registry", body).want(t, http.StatusOK), "registryUuid")
		if got := get(t, srv, base+"/"+id).want(t, http.StatusOK); !strings.Contains(got, `"username":"`+plain+`"`) {
			t.Errorf("got %s, want the user name %s", got, plain)
		}
	}
}

func TestBasicAuthentication(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	send(t, srv, request{method: "GET", target: base, token: basic(servertest.User + ":" + servertest.Password)}).want(t, http.StatusOK)
	send(t, srv, request{method: "GET", target: base, token: basic(servertest.User + ":wrong")}).refused(t, http.StatusUnauthorized, "wrong user name or password")
	send(t, srv, request{method: "GET", target: base, token: "Basic !"}).refused(t, http.StatusUnauthorized, "wrong user name or password")
}

func TestFilterDecoding(t *testing.T) {
	t.Parallel()
	const twice = base + "?filter=registryUri%253A%2522https%253A%252F%252Fone.example.com%2522"
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner())
	if got := get(t, srv, twice).want(t, http.StatusOK); !strings.Contains(got, `"count":1,`) {
		t.Errorf("got %s, want the one registry", got)
	}
	get(t, srv, base+"?filter=registryName%3A%2525").want(t, http.StatusOK)        // an intended percent sign
	for _, rest := range []string{"&filter=registryName:a", "&registryType=%zz"} { // decoding the filter hides no fault of the rest
		if status := get(t, srv, twice+rest).status; status != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", rest, status)
		}
	}
	strict := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.FilterDecoding = server.DecodeOnce }))
	get(t, strict, twice).refused(t, http.StatusBadRequest, "rule filter-syntax")
}

func TestConfigurableStatuses(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) { o.AuthStatus, o.EmptyListStatus = 200, 204 }))
	login(t, srv, servertest.User, servertest.Password).want(t, http.StatusOK)
	for _, target := range []string{base, base + "/" + sampleRegistry + "/schedule", base + "/" + sampleRegistry + "/repository"} {
		get(t, srv, target).want(t, http.StatusOK)
		if body := get(t, srv, target+"?pageNumber=99").want(t, http.StatusNoContent); body != "" {
			t.Errorf("%s: got 204 with body %s", target, body)
		}
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	for name, classic := range map[string]bool{"gateway": false, "API server": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
				o.RateLimit = server.RateLimit{Calls: 2, Window: time.Minute, Classic: classic}
				o.Users = append(o.Users, server.User{Name: "other", Password: "p"})
			}))
			status := map[bool]int{false: http.StatusTooManyRequests, true: http.StatusConflict}[classic]
			for i, want := range []struct {
				status            int
				remaining, toWait string
			}{{200, "1", "0"}, {200, "0", "30"}, {status, "0", "30"}} {
				got := get(t, srv, base)
				got.want(t, want.status)
				for header, value := range map[string]string{"X-RateLimit-Limit": "2", "X-RateLimit-Window-Sec": "60", "X-RateLimit-Remaining": want.remaining, "X-RateLimit-ToWait-Sec": want.toWait} {
					if got.header.Get(header) != value {
						t.Errorf("call %d: got %s %q, want %s", i+1, header, got.header.Get(header), value)
					}
				}
				if retry := got.header.Get("Retry-After"); (retry == "30") != (want.status == http.StatusTooManyRequests) {
					t.Errorf("call %d: got Retry-After %q", i+1, retry)
				}
			}
			get(t, srv, base+"/"+sampleRegistry).want(t, http.StatusOK) // another operation
			other := "Bearer " + login(t, srv, "other", "p").want(t, http.StatusCreated)
			send(t, srv, request{method: "GET", target: base, token: other}).want(t, http.StatusOK)
			for range 5 {
				got := login(t, srv, "other", "p")
				if got.want(t, http.StatusCreated); got.header.Get("X-RateLimit-Limit") != "" {
					t.Error("/auth has rate headers")
				}
			}
			srv.Advance(30 * time.Second)
			get(t, srv, base).want(t, http.StatusOK)
		})
	}
}

// TestConcurrencyLimit checks that only running calls of the same operation count, and that a call
// over the limit is refused before the rate limit is checked.
func TestConcurrencyLimit(t *testing.T) {
	t.Parallel()
	for name, classic := range map[string]bool{"gateway": false, "API server": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
				o.RateLimit = server.RateLimit{Calls: 2, Concurrent: 1, Classic: classic}
			}))
			body, feed := io.Pipe()
			slow, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+base, body)
			if err != nil {
				t.Fatal(err)
			}
			slow.Header.Set("Content-Type", "application/json")
			slow.Header.Set("Authorization", "Bearer "+srv.Token())
			over := make(chan response)
			go func() {
				got, err := srv.HTTP().Do(slow)
				if err != nil {
					t.Error(err)
				}
				over <- response{got.StatusCode, got.Header, ""}
			}()
			// returns when the emulator reads the body: the call runs
			if _, err := feed.Write([]byte(`{"registryType":"V2",`)); err != nil {
				t.Fatal(err)
			}
			status := map[bool]int{false: http.StatusTooManyRequests, true: http.StatusConflict}[classic]
			got := post(t, srv, base, `{}`)
			got.refused(t, status, "run at the same time")
			if got.header.Get("X-Concurrency-Limit-Limit") != "1" || got.header.Get("X-Concurrency-Limit-Running") != "1" || got.header.Get("X-RateLimit-Remaining") != "" {
				t.Errorf("got %v", got.header)
			}
			get(t, srv, base).want(t, http.StatusOK)
			if _, err := feed.Write([]byte(`"registryUri":"https://r.example.com","credentialType":"None"}`)); err != nil {
				t.Fatal(err)
			}
			feed.Close()
			if first := <-over; first.status != http.StatusOK || first.header.Get("X-Concurrency-Limit-Running") != "0" {
				t.Errorf("got %+v", first)
			}
			post(t, srv, base, `{"registryType":"V2","registryUri":"https://s.example.com","credentialType":"None"}`).want(t, http.StatusOK)
			post(t, srv, base, `{}`).refused(t, status, "rate limit is used up")
		})
	}
}
