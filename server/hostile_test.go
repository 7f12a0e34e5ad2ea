package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server"
)

// hostileRequests returns the number of requests to make: QCS_HOSTILE, or few.
func hostileRequests() int {
	if n, err := strconv.Atoi(os.Getenv("QCS_HOSTILE")); err == nil {
		return n
	}
	return 2000
}

// TestHostileRequests sends generated requests over TCP, most of them invalid in some way. Each gets a response that the
// document declares, none of them a 5xx, and no connection is reset.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	log := &causes{Handler: slog.DiscardHandler}
	s, err := server.New(server.Options{
		Logger: slog.New(log),
		Data:   t.TempDir(), Seed: "release-notes", JournalCalls: 10,
		Worlds: []server.World{{Name: "default", Plan: "Full"}, {Name: "control", Plan: "Full"}},
		Users:  []server.User{{Name: "tester", Password: "p"}, {Name: "operator", Password: "p", World: "control"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, stop := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() { s.Run(ctx) })
	defer background.Wait()
	defer stop()
	listener := httptest.NewServer(s)
	defer listener.Close()
	g := newGenerator(t, func(world string) string {
		user := "tester"
		if world != "" {
			user = "operator"
		}
		token, _ := s.Token(user) // fails if a request has removed the user
		return token
	})
	h := newHostile(t, strings.TrimPrefix(listener.URL, "http://"))
	var next, failed atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			c := &hostileConn{address: h.address}
			defer c.end()
			for number := int(next.Add(1)) - 1; number < h.count && failed.Load() < 20; number = int(next.Add(1)) - 1 {
				r := g.request(number)
				if err := h.send(c, r); err != nil {
					failed.Add(1)
					t.Errorf("request %d, %s: %v\n%.600q\n%.600q", number, r.operation, err, r.head(), r.body)
					c.end()
				}
			}
		})
	}
	group.Wait()
	for _, cause := range log.all {
		t.Errorf("a 500: %s", cause)
	}
	h.report(t)
}

// hostile sends requests and checks the responses.
type hostile struct {
	address         string
	count           int
	vendor, control *contract.Document

	mu       sync.Mutex
	statuses map[int]int
	accepted map[string]bool // operations that a request succeeded with
}

func newHostile(t *testing.T, address string) *hostile {
	t.Helper()
	vendor, err := contract.VendorDocument()
	if err != nil {
		t.Fatal(err)
	}
	control, err := contract.ControlDocument()
	if err != nil {
		t.Fatal(err)
	}
	return &hostile{address: address, count: hostileRequests(), vendor: vendor, control: control, statuses: map[int]int{}, accepted: map[string]bool{}}
}

// report fails the test if the requests were not what they should be: too few valid ones or too few invalid ones.
func (h *hostile) report(t *testing.T) {
	t.Helper()
	t.Logf("%d requests: %v, %d operations succeeded", h.count, h.statuses, len(h.accepted))
	if h.statuses[http.StatusOK]*10 < h.count || h.statuses[http.StatusBadRequest]*10 < h.count || len(h.accepted) < (len(h.vendor.Operations())+len(h.control.Operations()))/2 {
		t.Errorf("too few valid or too few invalid requests; succeeded: %v", slices.Sorted(maps.Keys(h.accepted)))
	}
}

// hostileConn is a connection that is dialled when a request needs it.
type hostileConn struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

func (c *hostileConn) end() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// exchange sends a request while it reads the response. If the connection then ends, it must not be a reset.
func (c *hostileConn) exchange(r hostileRequest) (*http.Response, []byte, error) {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			return nil, nil, err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(time.Minute))
	conn := c.conn
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(conn, r.head())
		_, _ = conn.Write(r.payload()) // an error shows in the response
		if r.framing == tooLong {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
	}()
	defer func() { <-sent }()
	got, err := http.ReadResponse(c.reader, &http.Request{Method: r.method})
	if err != nil {
		return nil, nil, fmt.Errorf("no response: %w", err)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("the response %d breaks off: %w", got.StatusCode, err)
	}
	if got.Close || r.close {
		defer c.end()
		if _, err := c.reader.ReadByte(); !errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("the connection ends after a %d with %w", got.StatusCode, err)
		}
	}
	return got, body, nil
}

// send sends a request and checks the response.
func (h *hostile) send(c *hostileConn, r hostileRequest) error {
	parsed, malformed := http.ReadRequest(bufio.NewReader(strings.NewReader(r.head())))
	got, body, err := c.exchange(r)
	if malformed != nil || r.framing == invalid { // net/http refuses the request, and may reset the connection
		if c.end(); err == nil && got.StatusCode != http.StatusBadRequest {
			return fmt.Errorf("got %d for what is not HTTP", got.StatusCode)
		}
		return nil
	}
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.statuses[got.StatusCode]++
	if got.StatusCode < http.StatusMultipleChoices {
		h.accepted[r.operation] = true
	}
	h.mu.Unlock()
	return h.check(parsed, contract.Response{Status: got.StatusCode, Header: got.Header, Body: body})
}

// check checks a response against the document.
func (h *hostile) check(r *http.Request, got contract.Response) error {
	if got.Header.Get("X-Request-Id") == "" {
		return fmt.Errorf("got %d %.300q, not a response of the emulator", got.Status, got.Body)
	}
	if got.Status >= http.StatusInternalServerError {
		return fmt.Errorf("got %d %s", got.Status, got.Body)
	}
	if r.Method == http.MethodHead {
		if len(got.Body) > 0 {
			return fmt.Errorf("got %d with a body for HEAD", got.Status)
		}
		return nil
	}
	d := h.vendor
	if strings.HasPrefix(r.URL.Path, "/_qcs/") {
		d = h.control
	}
	m, err := d.Find(r.Method, cleaned(r.URL))
	if err == nil {
		return m.CheckResponse(r, got)
	}
	want := http.StatusNotFound
	var method *contract.MethodError
	if errors.As(err, &method) {
		want = http.StatusMethodNotAllowed
	}
	var refusal api.ResponseError
	d2 := json.NewDecoder(bytes.NewReader(got.Body))
	d2.DisallowUnknownFields()
	if err := d2.Decode(&refusal); got.Status != want || err != nil || !strings.HasPrefix(refusal.ErrorCode, strconv.Itoa(want)+" ") || refusal.Timestamp == 0 || refusal.Message == "" ||
		(want == http.StatusMethodNotAllowed) != (got.Header.Get("Allow") != "") {
		return fmt.Errorf("got %d %.300q, want %d in the vendor's format", got.Status, got.Body, want)
	}
	return nil
}

// cleaned is a URL whose path has the form in which the emulator looks for the operation: of v1.3, without a slash at its end.
func cleaned(u *url.URL) *url.URL {
	path := strings.TrimRight(u.EscapedPath(), "/")
	for _, version := range []string{"v1.1", "v1.2"} {
		if rest, found := strings.CutPrefix(path, "/csapi/"+version+"/"); found {
			path = "/csapi/v1.3/" + rest
		}
	}
	cleaned := *u
	cleaned.RawPath = path
	cleaned.Path, _ = url.PathUnescape(path)
	return &cleaned
}
