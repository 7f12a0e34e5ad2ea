package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/qcsdev/qcs/.ci/bench/answers"
)

// kase is a request that is sent again and again.
type kase struct {
	name, method, target, body string
	status                     int
	keeps                      bool // means something to servers that keep what they are told, too
}

func cases() []kase {
	const registry = "/csapi/v1.3/registry"
	return []kase{
		{
			"list-50",
			"GET",
			registry + "?filter=registryType%3AAWS&pageNumber=2&pageSize=50&sort=created%3Adesc",
			"",
			200,
			true,
		},
		{"plain-list-50", "GET", registry, "", 200, true},
		// what is asked by time is not remembered
		{"list-anew-50", "GET", registry + "?filter=created%3Cnow&pageSize=50", "", 200, true},
		{"get", "GET", registry + "/" + answers.FirstID, "", 200, true},
		{"create", "POST", registry, answers.Body, 200, false},
		{"delete-2", "DELETE", registry + "/r/schedule/bulk?" + manyIDs(2), "", 200, false},
		{"delete-200", "DELETE", registry + "/r/schedule/bulk?" + manyIDs(200), "", 200, false},
		{"refused-query", "GET", registry + "?pageSize=abc", "", 400, true},
		{
			"refused-body",
			"POST",
			registry,
			strings.Replace(answers.Body, `"region":"us-east-1"`, `"region":7`, 1),
			400,
			true,
		},
	}
}

func manyIDs(n int) string {
	pairs := make([]string, n)
	for i := range pairs {
		pairs[i] = fmt.Sprintf("scheduleIds=f677b189-8b54-46ba-9d24-%012d", i)
	}
	return strings.Join(pairs, "&")
}

// figure is what a turn has shown.
// latencies and processor time of a request in microseconds
type figure struct{ perSecond, p50, p99, processor float64 }

// callers is how many ask at the same time.
const callers = 8

// load asks a server for some time.
func (p *process) load(c kase, turn time.Duration) (figure, error) {
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n", c.method, c.target, p.address)
	for name, value := range p.headers {
		text += name + ": " + value + "\r\n"
	}
	if c.body != "" {
		text += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(c.body))
	}
	request := []byte(text + "\r\n" + c.body)
	if _, err := p.ask(request, c.status, 50*time.Millisecond); err != nil { // warm
		return figure{}, err
	}
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var group sync.WaitGroup
	spent, began := p.account().processor, time.Now()
	for range callers {
		group.Go(func() {
			mine, err := p.ask(request, c.status, turn)
			mu.Lock()
			defer mu.Unlock()
			all, failed = append(all, mine...), errors.Join(failed, err)
		})
	}
	group.Wait()
	took, used := time.Since(began), p.account().processor-spent
	if failed != nil || len(all) == 0 {
		return figure{}, failed
	}
	slices.Sort(all)
	at := func(share int) float64 { return float64(all[len(all)*share/100].Nanoseconds()) / 1000 }
	return figure{
		float64(len(all)) / took.Seconds(),
		at(50),
		at(99),
		float64(used.Nanoseconds()) / 1000 / float64(len(all)),
	}, nil
}

// patience is how long an answer may take.
const patience = 5 * time.Second

// ask sends a request again and again over one connection, and gives the latencies.
func (p *process) ask(request []byte, status int, turn time.Duration) (all []time.Duration, err error) {
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(turn + patience)); err != nil {
		return nil, err
	}
	answers := bufio.NewReaderSize(conn, 64<<10)
	for end := time.Now().Add(turn); time.Now().Before(end); {
		began := time.Now()
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		got, err := read(answers)
		if err != nil {
			return nil, err
		}
		if got != status && (got/100 != status/100) {
			return nil, fmt.Errorf("got status %d, want %d", got, status)
		}
		all = append(all, time.Since(began))
	}
	return all, nil
}

// read reads an answer and drops it.
func read(from *bufio.Reader) (status int, err error) {
	line, err := from.ReadSlice('\n')
	if err != nil || len(line) < len("HTTP/1.1 200") {
		return 0, errors.Join(err, errors.New("no answer"))
	}
	status, _ = strconv.Atoi(string(line[9:12]))
	length, chunked := 0, false
	for {
		if line, err = from.ReadSlice('\n'); err != nil {
			return 0, err
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		switch {
		case len(name) == 0:
			if chunked {
				return status, dropChunks(from)
			}
			_, err = from.Discard(length)
			return status, err
		case bytes.EqualFold(name, []byte("content-length")):
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
}

func dropChunks(from *bufio.Reader) error {
	for {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return err
		}
		if _, err := from.Discard(int(n) + len("\r\n")); err != nil || n == 0 {
			return err
		}
	}
}
