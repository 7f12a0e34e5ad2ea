package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/knadh/koanf/v2"

	"github.com/qcsdev/qcs/server"
)

// control sets the options of the control API. On a loopback address, calls on worlds need the
// control token only if there is one; on other addresses they always need it.
func control(k *koanf.Koanf, o *server.Options) error {
	if o.JournalCalls = k.Int(keyJournal); o.JournalCalls <= 0 {
		o.JournalCalls = -1
	}
	token, err := secret(k, keyControlToken, keyControl)
	if err != nil {
		return err
	}
	if k.String(keyControl) != "" {
		if token = strings.TrimSpace(token); token == "" {
			return fmt.Errorf("%s: the file is empty", keyControl)
		}
	}
	o.ControlToken = token
	hosts, err := hostNames(k, keyHosts)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(k.String(keyAddr))
	if err != nil {
		return nil //nolint:nilerr // the error of listening is clearer
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		o.ControlHosts = append(hosts, "localhost", "127.0.0.1", "::1", host)
	} else {
		o.ControlClosed = true
	}
	return nil
}

// hostNames returns a setting that is a list of names and IP addresses, without ports.
func hostNames(k *koanf.Koanf, key string) ([]string, error) {
	names, err := list(k, key)
	for _, name := range names {
		if net.ParseIP(name) == nil && (name == "" || strings.ContainsAny(name, ":/[] ")) {
			return nil, fmt.Errorf("%s: %q is not a name or an IP address", key, name)
		}
	}
	return names, err
}
