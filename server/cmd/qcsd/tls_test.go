package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestReadyLineHasTheAuthority checks that a program that starts the daemon needs only the ready line to call it.
func TestReadyLineHasTheAuthority(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	daemon := exec.Command(os.Args[0], "--addr", "127.0.0.1:0", "--data", ":memory:", "--tls", "--ready-fd", "3")
	daemon.Env, daemon.ExtraFiles = append(os.Environ(), asDaemon+"=1"), []*os.File{write}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	defer func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
	}()
	line, err := bufio.NewReader(read).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var got ready
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(got.CA)) {
		t.Fatalf("got %s, want a certificate", line)
	}
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	response, err := h.Get(got.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

// TestAuthorityIsRenewed checks that the authority of the folder is used as long as the server's certificate is
// valid, and then a new one.
func TestAuthorityIsRenewed(t *testing.T) {
	t.Parallel()
	folder, now := t.TempDir(), time.Now()
	first, err := loadAuthority(folder, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		after time.Duration
		same  bool
	}{{0, true}, {authorityLife - certificateLife - time.Hour, true}, {authorityLife - certificateLife + time.Hour, false}} {
		got, err := loadAuthority(folder, now.Add(tt.after))
		if err != nil {
			t.Fatal(err)
		}
		if same := got.Leaf.Equal(first.Leaf); same != tt.same {
			t.Errorf("after %v: the same authority: %v, want %v", tt.after, same, tt.same)
		}
	}
}
