package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/server/internal/auth"
	"github.com/qcsdev/qcs/server/internal/file"
)

// ErrOwned means that another process owns the data folder.
var ErrOwned = errors.New("another process owns the data folder")

// owner is the lock on a data folder. The kernel releases it when the process ends, even if it is
// killed. The lock file is empty, because other processes cannot read a locked file on Windows; the
// file owner.json has the ownerInfo.
type owner struct {
	lock *flock.Flock
	path string // of the file with the ownerInfo
	info ownerInfo
}

// ownerInfo is what other processes of the same user need to know about the owner of a data folder.
type ownerInfo struct {
	Address     string `json:"address,omitempty"`     // URL at which the owner is served
	Certificate string `json:"certificate,omitempty"` // of the address, in PEM
	Secret      string `json:"secret"`                // allows the operation ResetData
}

func lockOf(o Options) *flock.Flock {
	return flock.New(filepath.Join(o.Data, "qcs.lock"), flock.SetPermissions(0o600))
}

func ownerFile(o Options) string { return filepath.Join(o.Data, "owner.json") }

// own takes the lock on the data folder, which it creates if there is none, or returns ErrOwned.
func own(o Options) (*owner, error) {
	if err := file.MakeFolder(o.Data); err != nil {
		return nil, err
	}
	owned := &owner{lock: lockOf(o), path: ownerFile(o)}
	locked, err := owned.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if !locked {
		if info, err := readOwner(o); err == nil && info.Address != "" {
			return nil, fmt.Errorf("%w: the emulator at %s", ErrOwned, info.Address)
		}
		return nil, ErrOwned
	}
	secret, err := auth.NewPassword(o.Random)
	if err != nil {
		return nil, errors.Join(err, owned.release())
	}
	owned.info = ownerInfo{o.Address, string(o.Certificate), secret}
	text, err := json.Marshal(owned.info)
	if err == nil {
		err = file.Replace(owned.path, append(text, '\n'))
	}
	if err != nil {
		return nil, errors.Join(err, owned.release())
	}
	return owned, nil
}

func readOwner(o Options) (info ownerInfo, err error) {
	text, err := os.ReadFile(ownerFile(o))
	if err == nil {
		err = json.Unmarshal(text, &info)
	}
	return info, err
}

// secret returns the secret that allows the operation ResetData; "" if there is no folder.
func (o *owner) secret() string {
	if o == nil {
		return ""
	}
	return o.info.Secret
}

// release releases the data folder. The lock file stays: removing it could remove the lock of the
// next owner.
func (o *owner) release() error {
	if o == nil {
		return nil
	}
	_ = os.Remove(o.path) // it may not have been written yet
	return o.lock.Close()
}

// Reset removes all data of all worlds, and loads the seed or the scenario of the options, if any,
// into the first world. Users, their passwords and tokens stay. If another process owns the data
// folder, Reset calls that process.
func Reset(ctx context.Context, o Options) error {
	o = withoutWorlds(o)
	if err := exists(o); err != nil {
		return fmt.Errorf("data in %s: %w", o.place(), err)
	}
	o.Existing = false
	s, err := start(o)
	switch {
	case errors.Is(err, ErrOwned):
		return resetOwner(ctx, o)
	case err != nil:
		return err
	}
	return errors.Join(s.Reset(ctx), s.Close())
}

// resetOwner makes the call ResetData to the process that owns the data folder.
func resetOwner(ctx context.Context, o Options) error {
	info, err := readOwner(o)
	if err != nil {
		return fmt.Errorf("%w, and its address cannot be read: %w", ErrOwned, err)
	}
	if info.Address == "" {
		return fmt.Errorf("%w, but has no address", ErrOwned)
	}
	address, err := resetURL(info.Address)
	if err != nil {
		return err
	}
	body, err := json.Marshal(control.WorldReset{Seed: o.Seed, Scenario: o.Scenario})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+info.Secret)
	r.Header.Set("Content-Type", "application/json")
	response, err := info.client().Do(r)
	if err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // for the message only
		return fmt.Errorf("reset: the emulator at %s returned %s: %s", address, response.Status, text)
	}
	return nil
}

// resetURL returns the URL of ResetData of an emulator. One that listens on all addresses is called
// on loopback.
func resetURL(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("address of the emulator: %w", err)
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		u.Host = net.JoinHostPort("127.0.0.1", u.Port())
	}
	return u.JoinPath("_qcs", "reset").String(), nil
}

// client returns an HTTP client that trusts the certificate of the owner.
func (i ownerInfo) client() *http.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	if i.Certificate != "" {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(i.Certificate))
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, Timeout: 10 * time.Minute}
}
