package main

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/qcsdev/qcs/server"
)

// Limits of a connection, so that slow clients cannot keep connections open forever.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 10 * time.Second
	maxHeader     = 512 << 10 // the query may have a long list of ids
)

// serve runs the emulator until the context ends. Then requests finish, and jobs stop.
func (p *program) serve(cmd *cobra.Command, _ []string) error {
	k, options, err := p.configure(cmd)
	if err != nil {
		return err
	}
	if err := removePortFile(k, ""); err != nil {
		return err
	}
	pair, ca, err := certificate(k)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", k.String(keyAddr))
	if err != nil {
		return fmt.Errorf("%w; choose another address with --addr or QCSD_ADDR", err)
	}
	options.Address = "http://" + listener.Addr().String()
	if pair != nil {
		options.Address = "https://" + listener.Addr().String()
		if options.Certificate = ca; ca == nil {
			options.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
		}
		config := &tls.Config{Certificates: []tls.Certificate{*pair}, MinVersion: tls.VersionTLS12}
		listener = tls.NewListener(listener, config)
	}
	s, err := server.New(options)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer s.Close()
	if k.String(keySeed) != "" {
		debug.FreeOSMemory() // frees the memory of loading the scenario
	}
	base, data := options.Address, options.Data
	if options.Database != nil {
		data = "PostgreSQL"
	}
	options.Logger.Info("listening", "url", base, "data", data, "version", options.Version)
	addr := listener.Addr().String()
	if err := announce(k, ready{base, addr, os.Getpid(), string(ca)}); err != nil {
		return errors.Join(err, listener.Close())
	}
	defer removePortFile(k, addr+"\n") //nolint:errcheck // the process ends
	if k.Bool(keyWelcome) {
		if err := welcome(p.stdout, s, base); err != nil {
			return err
		}
	}
	return listen(cmd.Context(), s, listener, options.Logger)
}

// listen serves requests and does the background work until the context ends or serving fails.
func listen(ctx context.Context, s *server.Server, listener net.Listener, log *slog.Logger) error {
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { s.Run(ctx) })
	group.Go(func() {
		<-ctx.Done()
		stopping, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer done()
		if err := h.Shutdown(stopping); err != nil {
			log.Warn("requests were cut off", "cause", err)
		}
	})
	err := h.Serve(listener)
	cancel()
	group.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		log.Info("stopped")
		return nil
	}
	return err
}

func logger(format string, w io.Writer) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, fmt.Errorf("%s: %q is neither text nor json", keyLogFormat, format)
}

// welcome prints the base URL and an example call with a token.
func welcome(w io.Writer, s *server.Server, base string) error {
	token, err := s.Token(s.DefaultUser())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `
An independent emulator, not made, checked or endorsed by the vendor, is listening on
  %[1]s
Paste these two lines into another terminal. The token is valid for four hours; run `+"`qcsd token`"+` for a new one.
  export TOKEN=%[2]s
  curl -sS -H "Authorization: Bearer $TOKEN" "%[1]s/csapi/v1.3/registry"

`, base, token)
	return err
}
