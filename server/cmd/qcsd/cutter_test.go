package main

import (
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
)

// cutter is a proxy between replicas and their database that can cut connections.
type cutter struct {
	url  string
	mu   sync.Mutex
	open []net.Conn
}

func newCutter(t *testing.T, database string) *cutter {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	network, target := "tcp", u.Host
	if folder := u.Query().Get("host"); folder != "" {
		network, target = "unix", filepath.Join(folder, ".s.PGSQL.5432")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	q := u.Query()
	q.Del("host")
	q.Set("sslmode", "disable")
	u.RawQuery, u.Host = q.Encode(), listener.Addr().String()
	c := &cutter{url: u.String()}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial(network, target)
			if err != nil {
				_ = in.Close()
				continue
			}
			c.mu.Lock()
			c.open = append(c.open, in, out)
			c.mu.Unlock()
			go pipe(in, out)
			go pipe(out, in)
		}
	}()
	return c
}

func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	_ = errors.Join(err, to.Close(), from.Close()) // cut
}

// all cuts every connection.
func (c *cutter) all() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.open {
		_ = conn.Close()
	}
	c.open = nil
}
