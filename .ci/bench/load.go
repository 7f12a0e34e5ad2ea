package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/qcsdev/qcs/.ci/bench/answers"
)

// testCase is a request that is sent again and again.
type testCase struct {
	name, method, target, body string

	status   int
	stateful bool // can be sent to a server that keeps data, as it changes none
}

func cases() []testCase {
	const query = "?filter=registryType%3AAWS&pageNumber=2&pageSize=50&sort=created%3Adesc"
	badBody := strings.Replace(answers.Body, `"region":"us-east-1"`, `"region":7`, 1)
	return []testCase{
		{"list-50", "GET", listPath + query, "", 200, true},
		{"plain-list-50", "GET", listPath, "", 200, true},
		// a filter by time keeps the emulator from answering from its cache
		{"list-anew-50", "GET", listPath + "?filter=created%3Cnow&pageSize=50", "", 200, true},
		{"get", "GET", listPath + "/" + answers.FirstID, "", 200, true},
		{"create", "POST", listPath, answers.Body, 200, false},
		{"delete-2", "DELETE", listPath + "/r/schedule/bulk?" + scheduleIDs(2), "", 200, false},
		{"delete-200", "DELETE", listPath + "/r/schedule/bulk?" + scheduleIDs(200), "", 200, false},
		{"refused-query", "GET", listPath + "?pageSize=abc", "", 400, true},
		{"refused-body", "POST", listPath, badBody, 400, true},
	}
}

// scheduleIDs is a query with n ids of schedules.
func scheduleIDs(n int) string {
	pairs := make([]string, n)
	for i := range pairs {
		pairs[i] = fmt.Sprintf("scheduleIds=f677b189-8b54-46ba-9d24-%012d", i)
	}
	return strings.Join(pairs, "&")
}

// turn is what one turn of a server has measured. Times, each of one request, are in microseconds.
type turn struct{ perSecond, p50, p99, processor float64 }

// median has the median of each figure of several turns.
type median struct {
	turn
	timesEcho float64 // processor time divided by that of echo in the same round
}

func medianOf(all, echo []turn) median {
	middle := func(figure func(i int) float64) float64 {
		values := make([]float64, len(all))
		for i := range all {
			values[i] = figure(i)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return median{
		turn: turn{
			perSecond: middle(func(i int) float64 { return all[i].perSecond }),
			p50:       middle(func(i int) float64 { return all[i].p50 }),
			p99:       middle(func(i int) float64 { return all[i].p99 }),
			processor: middle(func(i int) float64 { return all[i].processor }),
		},
		timesEcho: middle(func(i int) float64 { return all[i].processor / echo[i].processor }),
	}
}

// callers is the number of connections that send requests at the same time.
const callers = 8

// load sends the request of a case to a server for the length of a turn.
func (p *process) load(c testCase, length time.Duration) (turn, error) {
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n", c.method, c.target, p.address)
	for name, value := range p.headers {
		text += name + ": " + value + "\r\n"
	}
	if c.body != "" {
		text += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(c.body))
	}
	request := []byte(text + "\r\n" + c.body)
	if _, err := p.send(request, c.status, 50*time.Millisecond); err != nil { // warm up
		return turn{}, err
	}
	var latencies [callers][]time.Duration
	var errs [callers]error
	var group sync.WaitGroup
	used, began := p.usage().processor, time.Now()
	for i := range callers {
		group.Go(func() { latencies[i], errs[i] = p.send(request, c.status, length) })
	}
	group.Wait()
	took := time.Since(began)
	used = p.usage().processor - used
	all := slices.Concat(latencies[:]...)
	if err := errors.Join(errs[:]...); err != nil || len(all) == 0 {
		return turn{}, err
	}
	slices.Sort(all)
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	n := len(all)
	return turn{
		perSecond: float64(n) / took.Seconds(),
		p50:       micros(all[n*50/100]),
		p99:       micros(all[n*99/100]),
		processor: micros(used) / float64(n),
	}, nil
}

// send repeats a request over one connection and returns the latencies.
func (p *process) send(request []byte, status int, length time.Duration) (latencies []time.Duration, err error) {
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	end := time.Now().Add(length)
	conn.SetDeadline(end.Add(5 * time.Second)) // the last answer may come after the end
	in := bufio.NewReaderSize(conn, 64<<10)
	for time.Now().Before(end) {
		began := time.Now()
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		got, err := readAnswer(in)
		if err != nil {
			return nil, err
		}
		if got/100 != status/100 {
			return nil, fmt.Errorf("got status %d, want %d", got, status)
		}
		latencies = append(latencies, time.Since(began))
	}
	return latencies, nil
}

// readAnswer reads an answer and returns its status. It is much cheaper than http.ReadResponse,
// whose cost would hide the differences between fast servers.
func readAnswer(in *bufio.Reader) (status int, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil || len(line) < len("HTTP/1.1 200") {
		return 0, errors.Join(err, errors.New("no answer"))
	}
	status, _ = strconv.Atoi(string(line[9:12]))
	length, chunked := 0, false
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		switch {
		case len(name) == 0 && chunked:
			return status, discardChunks(in)
		case len(name) == 0:
			_, err = in.Discard(length)
			return status, err
		case bytes.EqualFold(name, []byte("content-length")):
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
}

func discardChunks(in *bufio.Reader) error {
	_, err := io.Copy(io.Discard, httputil.NewChunkedReader(in))
	_, endErr := in.Discard(len("\r\n"))
	return errors.Join(err, endErr)
}
