package server_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// early are calls that are refused before their body is read, or read to its end.
var early = []struct {
	name, line, headers string
	status              int
}{
	{"no token", "POST " + base, "Content-Type: application/json\r\nAuthorization: Bearer wrong\r\n", 401},
	{"no path", "PUT /csapi/v1.3/nosuch", "", 404},
	{"no method", "PATCH " + base, "", 405},
	{"page", "POST /openapi.yaml", "", 405},
	{"control without a token", "POST /_qcs/faults", "Content-Type: application/json\r\n", 401},
	{"content type", "POST " + base, "Content-Type: text/xml\r\nAuthorization: Bearer %TOKEN%\r\n", 415},
	{"body too large", "POST " + base, "Content-Type: application/json\r\nAuthorization: Bearer %TOKEN%\r\n", 413},
}

// TestEveryEarlyRefusalIsReceived checks that a refusal is received as a whole, and that the connection
// then ends without a reset.
func TestEveryEarlyRefusalIsReceived(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithPort())
	for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
		for _, size := range []int{1000, 100_000, 300_000, 4 << 20} {
			for _, chunked := range []bool{false, true} {
				for _, test := range early {
					if version == "HTTP/1.0" && chunked || test.status == 413 && size <= 1<<20 {
						continue
					}
					t.Run(fmt.Sprint(version, "/", size, "/", test.name), func(t *testing.T) {
						t.Parallel()
						head := test.line + " " + version + "\r\nHost: x\r\nConnection: close\r\n" + strings.ReplaceAll(test.headers, "%TOKEN%", srv.Token())
						conn := dial(t, srv)
						conn.send(head, size, chunked)
						if got := conn.response(t); got.status != test.status && got.status != 413 {
							t.Errorf("got %d %s, want %d", got.status, got.body, test.status)
						}
						conn.end(t)
					})
				}
			}
		}
	}
}

// TestConnectionServesTheNextRequest checks that a connection is as usable after a refusal as before.
func TestConnectionServesTheNextRequest(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithPort())
	conn := dial(t, srv)
	for range 3 {
		conn.send("POST "+base+" HTTP/1.1\r\nHost: x\r\n", 4<<20, false)
		if got := conn.response(t); got.status != http.StatusUnauthorized || got.header.Get("Connection") != "" {
			t.Errorf("got %d %v, want 401 on a connection that stays open", got.status, got.header)
		}
	}
}

// TestRefusedBodiesAreReadWithinBounds checks that a body that is too long or does not arrive is not read to its
// end, and that its refusal is received.
func TestRefusedBodiesAreReadWithinBounds(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithPort())
	t.Run("100 MB", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, srv)
		conn.send("POST "+base+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", 100_000_000, false)
		if got := conn.response(t); got.status != http.StatusUnauthorized {
			t.Errorf("got %d, want 401", got.status)
		}
		conn.Close()
		if conn.sending.Wait(); conn.sent > 50_000_000 {
			t.Errorf("the server has read up to %d bytes", conn.sent)
		}
	})
	t.Run("a body that does not arrive", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, srv)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", base)
		got := conn.response(t)
		if got.status != http.StatusUnauthorized || got.header.Get("Connection") != "close" {
			t.Errorf("got %d %v, want 401 and the end of the connection", got.status, got.header)
		}
		conn.end(t)
	})
}

// TestExpectContinue checks that a caller which waits for 100 Continue gets its refusal without having sent the
// body, and one that has begun to send gets it as any other.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithPort())
	for _, test := range []struct {
		name, authorization string
		status              int
		connection          string
	}{{"refused before", "Bearer wrong", 401, "close"}, {"refused while it is read", "Bearer " + srv.Token(), 413, ""}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, srv)
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: 3000000\r\nExpect: 100-continue\r\n\r\n", base, test.authorization)
			got := conn.response(t)
			if got.status == http.StatusContinue {
				conn.body(3_000_000)
				got = conn.response(t)
			}
			if got.status != test.status || got.header.Get("Connection") != test.connection {
				t.Errorf("got %d %v, want %d and Connection %q", got.status, got.header, test.status, test.connection)
			}
			if test.connection == "close" {
				conn.end(t)
			}
		})
	}
}

// TestHTTP2KeepsItsConnection checks that a refusal before the body is received over HTTP/2, too.
func TestHTTP2KeepsItsConnection(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{Users: []server.User{{Name: "joe", Password: "p"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	listener := httptest.NewUnstartedServer(s)
	listener.EnableHTTP2 = true
	listener.StartTLS()
	defer listener.Close()
	for range 3 {
		got, err := listener.Client().Post(listener.URL+base, "application/json", bytes.NewReader(make([]byte, 4<<20)))
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		if got.ProtoMajor != 2 || got.StatusCode != http.StatusUnauthorized {
			t.Errorf("got %s %d, want HTTP/2 and 401", got.Proto, got.StatusCode)
		}
	}
}

// TestRefusalsPassNginx checks that nginx, which uses HTTP/1.0 to an upstream by default, passes refusals on.
func TestRefusalsPassNginx(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithPort())
	for name, setting := range map[string]string{"default": "", "unbuffered": "proxy_request_buffering off; proxy_http_version 1.1;"} {
		proxy := nginx(t, srv.URL, setting)
		for _, size := range []int{1000, 300_000, 4 << 20} {
			for _, test := range early {
				if test.status == 413 && size <= 1<<20 {
					continue
				}
				t.Run(fmt.Sprint(name, "/", size, "/", test.name), func(t *testing.T) {
					t.Parallel()
					conn := dialTo(t, proxy)
					conn.send(test.line+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+strings.ReplaceAll(test.headers, "%TOKEN%", srv.Token()), size, false)
					if got := conn.response(t); got.status != test.status && got.status != 413 || got.header.Get("X-Request-Id") == "" {
						t.Errorf("got %d %s, want %d of the emulator", got.status, got.body, test.status)
					}
				})
			}
		}
	}
}

// nginx starts nginx as a proxy of a server, and returns its address. "make nginx" installs nginx.
func nginx(t *testing.T, upstream, setting string) string {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Fatal("nginx is missing: \"make nginx\" installs it if it can")
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	folder, address, user := t.TempDir(), listener.Addr().String(), ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	config := fmt.Sprintf(`%[1]s
worker_processes 1; daemon off; pid %[2]s/pid; error_log %[2]s/error.log;
events {}
http {
	access_log off; client_max_body_size 0;
	client_body_temp_path %[2]s/a; proxy_temp_path %[2]s/b; fastcgi_temp_path %[2]s/c; uwsgi_temp_path %[2]s/d; scgi_temp_path %[2]s/e;
	server { listen %[3]s; location / { proxy_pass %[4]s; %[5]s } }
}
`, user, folder, address, upstream, setting)
	path := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	process := exec.Command(program, "-p", folder, "-c", path, "-e", filepath.Join(folder, "error.log"))
	process.Stdout, process.Stderr = &output, &output
	process.Env, process.ExtraFiles = []string{"NGINX=3;"}, []*os.File{socket} // nginx takes over the socket, which already listens
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Signal(syscall.SIGTERM)
		_ = process.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(folder, "error.log"))
			t.Logf("nginx: %s%s", output.Bytes(), text)
		}
	})
	return address
}

// rawConn is a connection whose bytes the test writes itself.
type rawConn struct {
	net.Conn
	reader  *bufio.Reader
	sending sync.WaitGroup
	sent    int // bytes of the last body
}

func dial(t *testing.T, srv *servertest.Server) *rawConn {
	t.Helper()
	return dialTo(t, strings.TrimPrefix(srv.URL, "http://"))
}

func dialTo(t *testing.T, address string) *rawConn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a test that waits for bytes fails
	c := &rawConn{Conn: conn, reader: bufio.NewReader(conn)}
	t.Cleanup(func() {
		conn.Close()
		c.sending.Wait()
	})
	return c
}

// send sends a request with a body of a size, while the test reads the response.
func (c *rawConn) send(head string, size int, chunked bool) {
	c.sending.Wait()
	if !chunked {
		fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n", head, size)
		c.body(size)
		return
	}
	fmt.Fprintf(c, "%sTransfer-Encoding: chunked\r\n\r\n%x\r\n", head, size)
	c.sending.Go(func() {
		_, _ = io.CopyN(c, spaces{}, int64(size))
		_, _ = io.WriteString(c, "\r\n0\r\n\r\n")
	})
}

// body sends a body.
func (c *rawConn) body(size int) {
	c.sending.Go(func() {
		n, _ := io.CopyN(c, spaces{}, int64(size)) // fails if the server closes the connection
		c.sent = int(n)
	})
}

// response reads the next response.
func (c *rawConn) response(t *testing.T) response {
	t.Helper()
	got, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		t.Fatalf("no response: %v", err)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatalf("the response breaks off: %v", err)
	}
	if got.Close {
		got.Header.Set("Connection", "close")
	}
	return response{got.StatusCode, got.Header, string(body)}
}

// end fails the test unless the connection ends, and without a reset.
func (c *rawConn) end(t *testing.T) {
	t.Helper()
	if _, err := c.reader.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the connection ends with %v", err)
	}
}

// spaces is an endless body.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
