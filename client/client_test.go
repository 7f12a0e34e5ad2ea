package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a service with the responses of a test; it records the requests.
type wire struct {
	mu    sync.Mutex
	calls []string // method, path with query, and body
}

// start serves a handler; the client has a token.
func (w *wire) start(t *testing.T, handler http.HandlerFunc, options ...client.Option) *client.Client {
	t.Helper()
	service := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.calls = append(w.calls, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		w.mu.Unlock()
		handler(rw, r)
	}))
	t.Cleanup(service.Close)
	h := service.Client()
	t.Cleanup(h.CloseIdleConnections)
	c, err := client.New(append([]client.Option{client.WithBaseURL(service.URL + "/"), client.WithHTTPClient(h), client.WithToken("t"), client.WithRetry(client.RetryPolicy{Attempts: 1})}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// says is a handler with one response.
func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]client.Option{
		"no base URL":                nil,
		"base URL without a scheme":  {client.WithBaseURL("gateway.example.com"), client.WithToken("t")},
		"base URL of another scheme": {client.WithBaseURL("ftp://x"), client.WithToken("t")},
		"no credentials":             {client.WithBaseURL("https://x")},
		"two kinds of credentials":   {client.WithBaseURL("https://x"), client.WithToken("t"), client.WithCredentials("a", "b")},
		"base URL with a path":       {client.WithBaseURL("https://x/csapi/v1.3"), client.WithToken("t")},
		"base URL with a password":   {client.WithBaseURL("https://u:p@x"), client.WithToken("t")},
		"no HTTP client":             {client.WithBaseURL("https://x"), client.WithToken("t"), client.WithHTTPClient(nil)},
		"no poll interval":           {client.WithBaseURL("https://x"), client.WithToken("t"), client.WithPollInterval(0)},
		"a platform that is none":    {client.WithPlatform("US9"), client.WithToken("t")},
		"base URL and platform":      {client.WithBaseURL("https://x"), client.WithPlatform(client.US1), client.WithToken("t")},
		"no calls at the same time":  {client.WithBaseURL("https://x"), client.WithToken("t"), client.WithMaxConcurrency(0)},
		"no calls in a second":       {client.WithBaseURL("https://x"), client.WithToken("t"), client.WithRateLimit(0, 1)},
		"no attempt":                 {client.WithBaseURL("https://x"), client.WithToken("t"), client.WithRetry(client.RetryPolicy{})},
		"an empty environment":       {client.FromEnv()},
	} {
		if _, err := client.New(options...); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// TestOnTheWire: calls look as in the release notes, and no delete sends the body "null".
func TestOnTheWire(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for want, call := range map[string]func(*client.Client) error{
		"POST /csapi/v1.3/registry/r/schedule/cancel?scheduleIds=a&scheduleIds=b": func(c *client.Client) error { _, err := c.CancelSchedules(ctx, "r", client.IDs("a", "b")); return err },
		"POST /csapi/v1.3/registry/r/schedule/cancel?filter=status%3ARunning": func(c *client.Client) error {
			_, err := c.CancelSchedules(ctx, "r", client.Filter("status:Running"))
			return err
		},
		"POST /csapi/v1.3/registry/r/schedule/cancel?filter=scheduleUuid%3A%2A": func(c *client.Client) error { _, err := c.CancelSchedules(ctx, "r", client.All()); return err },
		"DELETE /csapi/v1.3/registry/r/schedule/bulk?scheduleIds=a":             func(c *client.Client) error { _, err := c.DeleteSchedules(ctx, "r", client.IDs("a")); return err },
		"DELETE /csapi/v1.3/registry?registryIds=a&registryIds=b":               func(c *client.Client) error { _, err := c.DeleteRegistries(ctx, "a", "b"); return err },
		"DELETE /csapi/v1.3/registry/r":                                         func(c *client.Client) error { _, err := c.DeleteRegistry(ctx, "r"); return err },
		`DELETE /csapi/v1.3/registry/r/schedule ["a","b"]`:                      func(c *client.Client) error { _, err := c.DeleteSchedulesByBody(ctx, "r", "a", "b"); return err },
		"DELETE /csapi/v1.3/registry/r/schedule/s":                              func(c *client.Client) error { return c.DeleteSchedule(ctx, "r", "s") },
		"POST /csapi/v1.3/registry/r/schedule/a%2Fb/cancel":                     func(c *client.Client) error { return c.CancelSchedule(ctx, "r", "a/b") },
		"GET /csapi/v1.3/registry?pageNumber=1&pageSize=100": func(c *client.Client) error {
			for _, err := range c.ListRegistries(ctx, client.List{}) {
				return err
			}
			return nil
		},
		"GET /csapi/v1.3/registry/r/schedule?filter=status%3ARunning&pageNumber=3&pageSize=7&sort=created%3Aasc": func(c *client.Client) error {
			for _, err := range c.ListSchedules(ctx, "r", client.List{Filter: "status:Running", Sort: "created:asc", Page: 3, PageSize: 7}) {
				return err
			}
			return nil
		},
		`POST /csapi/v1.3/registry/r/schedule {"filters":[{"repoTags":[{"repo":"a"}]}],"onDemand":false,"schedule":"07:00"}`: func(c *client.Client) error {
			_, err := c.CreateSchedule(ctx, "r", api.ScheduleRequest{OnDemand: new(false), Schedule: "07:00", Filters: []api.ScheduleFilter{{RepoTags: []api.RepoTag{{Repo: "a"}}}}})
			return err
		},
	} {
		var w wire
		if err := call(w.start(t, says(http.StatusOK, "application/json", "{}"))); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if diff := cmp.Diff([]string{want}, w.calls); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestAnEmptySelectionIsNotSent(t *testing.T) {
	t.Parallel()
	var w wire
	c := w.start(t, says(http.StatusOK, "application/json", "{}"))
	if _, err := c.DeleteSchedules(t.Context(), "r", client.IDs()); err == nil || len(w.calls) != 0 {
		t.Errorf("got %v and calls %v", err, w.calls)
	}
}

func TestTolerantReader(t *testing.T) {
	t.Parallel()
	create := func(c *client.Client) (string, error) { return c.CreateRegistry(t.Context(), api.RegistryRequest{}) }
	schedule := func(c *client.Client) (string, error) {
		return c.CreateSchedule(t.Context(), "r", api.ScheduleRequest{})
	}
	cancel := func(c *client.Client) (string, error) {
		job, err := c.CancelSchedules(t.Context(), "r", client.All())
		return strings.Join(append([]string{}, idsOf(job)...), ","), err
	}
	list := func(c *client.Client) (string, error) {
		n := 0
		for _, err := range c.ListRegistries(t.Context(), client.List{}) {
			if err != nil {
				return "", err
			}
			n++
		}
		return fmt.Sprint(n), nil
	}
	for _, tt := range []struct {
		name   string
		status int
		body   string
		call   func(*client.Client) (string, error)
		want   string
	}{
		{"an object", 200, `{"registryUuid":"x","more":1}`, create, "x"},
		{"the string of the 2021 swagger", 200, `"x"`, create, "x"},
		{"an empty 201", 201, ``, create, ""},
		{"the alias scheduleId", 200, `{"scheduleId":"x"}`, schedule, "x"},
		{"CancelJobId", 200, `{"CancelJobId":"x"}`, cancel, "x"},
		{"cancelJobId", 200, `{"cancelJobId":"x"}`, cancel, "x"},
		{"deletionJobId for a cancel", 200, `{"deletionJobId":"x"}`, cancel, "x"},
		{"204", 204, ``, cancel, ""},
		{"an empty 201 to validate", 201, ``, func(c *client.Client) (string, error) {
			ok, err := c.ValidateRegistry(t.Context(), api.RegistryRequest{})
			return fmt.Sprint(ok), err
		}, "true"},
		{"204 as an empty list", 204, ``, list, "0"},
		{"an empty list", 200, `{"data":[],"count":0}`, list, "0"},
		{"unknown fields and values", 200, `{"data":[{"registryUuid":"a","registryType":"JFrog","new":{}, "created":1628504894719}],"count":1}`, list, "1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var w wire
			got, err := tt.call(w.start(t, says(tt.status, "application/json;charset=UTF-8", tt.body)))
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func idsOf(job *client.Job) []string {
	if job == nil {
		return nil
	}
	return job.IDs
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		status      int
		contentType string
		body        string
		sentinel    error
		want        client.Error
	}{
		{"the vendor's shape", 400, "application/json", `{"errorCode":"400 BAD_REQUEST","message":"Invalid Input Request.","timestamp":1628504894719}`, client.ErrInvalid, client.Error{Code: "400 BAD_REQUEST", Message: "Invalid Input Request."}},
		{"the shape of runtime policies", 400, "application/json", `{"Code":10400,"Message":"Bad request","MessageInfo":"For API definition see: ","Status":400,"Error":"Invalid json"}`, client.ErrInvalid, client.Error{Code: "10400", Message: "Bad request: Invalid json"}},
		{"a page", 502, "text/html", "<html>Bad gateway</html>", client.ErrServer, client.Error{Message: "<html>Bad gateway</html>"}},
		{"JSON of another shape", 500, "application/json", `{"error":"invalid_client","error_description":"x"}`, client.ErrServer, client.Error{Message: `{"error":"invalid_client","error_description":"x"}`}},
		{"a long message", 400, "application/json", `{"message":"` + strings.Repeat("ä", 5000) + `"}`, client.ErrInvalid, client.Error{Message: strings.Repeat("ä", 1024) + "…"}},
		{"nothing", 404, "", "", client.ErrNotFound, client.Error{}},
		{"forbidden", 403, "application/json", `{"message":"Request Forbidden"}`, client.ErrForbidden, client.Error{Message: "Request Forbidden"}},
		{"conflict", 409, "application/json", `{}`, client.ErrConflict, client.Error{}},
		{"rate limit", 429, "application/json", `{}`, client.ErrRateLimited, client.Error{RetryAfter: 12 * time.Second}},
		{"unauthorized", 401, "application/json", `{}`, client.ErrUnauthorized, client.Error{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var w wire
			c := w.start(t, func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("X-QCS-Detail", "why")
				rw.Header().Set("X-Request-Id", "id")
				if tt.status == http.StatusTooManyRequests {
					rw.Header().Set("X-RateLimit-ToWait-Sec", "12")
				}
				says(tt.status, tt.contentType, tt.body)(rw, r)
			})
			_, err := c.DescribeRegistry(t.Context(), "r")
			var got *client.Error
			if !errors.As(err, &got) || !errors.Is(err, tt.sentinel) {
				t.Fatalf("got %v, want an *Error that is %v", err, tt.sentinel)
			}
			tt.want.Status, tt.want.Detail, tt.want.RequestID, tt.want.Method, tt.want.Path = tt.status, "why", "id", "GET", "/csapi/v1.3/registry/r"
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, other := range []error{client.ErrInvalid, client.ErrUnauthorized, client.ErrForbidden, client.ErrNotFound, client.ErrConflict, client.ErrRateLimited, client.ErrServer} {
				if other != tt.sentinel && errors.Is(err, other) { //nolint:errorlint // the very value
					t.Errorf("is also %v", other)
				}
			}
		})
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	// numbered serves n registries, in pages of limited size.
	numbered := func(n, most int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var page, size int
			_, _ = fmt.Sscan(r.URL.Query().Get("pageNumber")+" "+r.URL.Query().Get("pageSize"), &page, &size)
			size = min(size, most)
			var items []string
			for i := (page - 1) * size; i < min(page*size, n); i++ {
				items = append(items, fmt.Sprintf(`{"registryUuid":"%d"}`, i))
			}
			says(200, "application/json", fmt.Sprintf(`{"data":[%s],"count":%d}`, strings.Join(items, ","), n))(w, r)
		}
	}
	for _, tt := range []struct {
		name         string
		handler      http.HandlerFunc
		list         client.List
		items, calls int
		err          error
	}{
		{"a short last page", numbered(5, 100), client.List{PageSize: 2}, 5, 3, nil},
		{"a full last page", numbered(4, 100), client.List{PageSize: 2}, 4, 3, nil},
		{"a limit within a page", numbered(5, 100), client.List{PageSize: 2, Limit: 3}, 3, 2, nil},
		{"a limit at the end of a page", numbered(5, 100), client.List{PageSize: 2, Limit: 2}, 2, 1, nil},
		{"a later start", numbered(5, 100), client.List{PageSize: 2, Page: 3}, 1, 2, nil},
		{"a service that gives fewer at once than asked", numbered(5, 2), client.List{PageSize: 4}, 5, 3, nil},
		{"a later start where fewer are given than asked", numbered(7, 2), client.List{PageSize: 4, Page: 2}, 5, 3, nil},
		{"a service that goes back to its last page", func(w http.ResponseWriter, r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "pageNumber=3", "pageNumber=2", 1)
			numbered(4, 100)(w, r)
		}, client.List{PageSize: 2}, 4, 3, nil},
		{"a service that repeats a page for ever", says(200, "application/json", `{"data":[{"registryUuid":"a"}],"count":9}`), client.List{PageSize: 1}, 1, 2, client.ErrRepeatedPage},
		{"an error", says(500, "text/plain", "x"), client.List{}, 0, 1, client.ErrServer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var w wire
			c := w.start(t, tt.handler)
			seen := map[string]bool{}
			var last error
			for r, err := range c.ListRegistries(t.Context(), tt.list) {
				if last = err; err == nil {
					seen[r.RegistryUUID] = true
				}
			}
			if len(seen) != tt.items || len(w.calls) != tt.calls || !errors.Is(last, tt.err) {
				t.Errorf("got %d items in %d calls, %v; want %d in %d, %v", len(seen), len(w.calls), last, tt.items, tt.calls, tt.err)
			}
		})
	}
	t.Run("break ends the calls", func(t *testing.T) {
		t.Parallel()
		var w wire
		for range w.start(t, numbered(100, 100)).ListRegistries(t.Context(), client.List{PageSize: 2}) {
			break
		}
		if len(w.calls) != 1 {
			t.Errorf("got calls %v, want one", w.calls)
		}
	})
}
