package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/qcsdev/qcs/server"
)

// watched signals when a listener is closed, which is the first thing that a stopping server does.
type watched struct {
	net.Listener
	once   sync.Once
	closed chan struct{}
}

func (w *watched) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Listener.Close()
}

// TestRequestsFinishWhenTheDaemonStops checks that a call gets its response if its body arrives after the daemon began to stop.
func TestRequestsFinishWhenTheDaemonStops(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{Users: []server.User{{Name: "joe", Password: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &watched{Listener: socket, closed: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- listen(ctx, s, listener, slog.New(slog.DiscardHandler)) }()
	conn, err := net.Dial("tcp", socket.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = "username=joe&password=p&token=true"
	fmt.Fprintf(conn, "POST /auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	reader := bufio.NewReader(conn)
	if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") { // the handler waits for the body
		t.Fatalf("got %q, %v", line, err)
	}
	if _, err := reader.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stop()
	<-listener.closed
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Errorf("got %d, want the token", response.StatusCode)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
