package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/openapi/suggest"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/postgres"
)

// settings returns the settings: flags win over environment, file and defaults, in this order.
func (p *program) settings(flags *pflag.FlagSet) (*koanf.Koanf, error) {
	k := koanf.New(".")
	if err := noPassword(flags); err != nil {
		return nil, err
	}
	path, err := flags.GetString(keyConfig)
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = p.getenv(variable(keyConfig))
	}
	if path != "" {
		if err := loadFile(k, path); err != nil {
			return nil, fmt.Errorf("configuration file: %w", err)
		}
	}
	known := []string{keyUsers, keyWorlds, keySigningKey, keyControlToken}
	flags.VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	for _, key := range k.Keys() {
		switch {
		case key == keySigningKey || key == keyControlToken:
			return nil, fmt.Errorf("configuration file: %s is a secret: set %s", key, variable(key))
		case !slices.Contains(known, key) || key == keyConfig:
			return nil, fmt.Errorf("configuration file: unknown key %q%s", key, suggest.DidYouMean(key, known...))
		}
	}
	if err := p.checkEnvironment(known); err != nil {
		return nil, err
	}
	environment := map[string]any{}
	for _, key := range known {
		if value := p.getenv(variable(key)); value != "" {
			environment[key] = value
		}
	}
	if err := k.Load(confmap.Provider(environment, "."), nil); err != nil {
		return nil, err
	}
	return k, k.Load(posflag.Provider(flags, ".", k), nil)
}

// checkEnvironment refuses a variable that looks like a setting and is none. The variables that
// Kubernetes sets for a Service with the name qcsd are no settings.
func (p *program) checkEnvironment(settings []string) error {
	var known []string
	for _, key := range settings {
		known = append(known, variable(key))
	}
	for _, pair := range p.environ {
		name, _, _ := strings.Cut(pair, "=")
		service := name == "QCSD_PORT" || strings.HasPrefix(name, "QCSD_PORT_") ||
			strings.HasPrefix(name, "QCSD_SERVICE_")
		if strings.HasPrefix(name, "QCSD_") && !service && !slices.Contains(known, name) {
			return fmt.Errorf("environment: unknown variable %s%s", name, suggest.DidYouMean(name, known...))
		}
	}
	return nil
}

// loadFile reads the settings of a configuration file.
func loadFile(k *koanf.Koanf, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		return err
	}
	return k.Load(confmap.Provider(values, ""), nil)
}

// noPassword refuses a password in the arguments of the process, which other users can see in the
// process list.
func noPassword(flags *pflag.FlagSet) error {
	u, err := url.Parse(flags.Lookup(keyDatabase).Value.String())
	if err != nil {
		return fmt.Errorf("%s: is not a URL", keyDatabase) // the error of the parser contains the URL
	}
	if _, given := u.User.Password(); given || u.Query().Has("password") || u.Query().Has("sslpassword") {
		return fmt.Errorf("%s: has a password, which other users can see in the process list: "+
			"set it in %s, PGPASSWORD or PGPASSFILE", keyDatabase, variable(keyDatabase))
	}
	return nil
}

// variable returns the name of a setting in the environment.
func variable(key string) string {
	return "QCSD_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// options returns the settings as options of the emulator.
func (p *program) options(k *koanf.Koanf) (server.Options, error) {
	o := server.Options{
		Data:              k.String(keyData),
		ValidateResponses: k.Bool(keyValidate),
		FaultHeader:       k.Bool(keyFault),
		Version:           buildVersion(),
		Strictness:        contract.Strictness(k.String(keyStrictness)),
		Validate:          server.Validate(k.String(keyChecks)),
		FilterDecoding:    server.FilterDecoding(k.String(keyDecoding)),
		AuthStatus:        k.Int(keyAuthStatus),
		EmptyListStatus:   k.Int(keyEmptyList),
		RateLimit: server.RateLimit{
			Calls:      k.Int(keyRateCalls),
			Classic:    k.Int(keyRateStatus) == http.StatusConflict,
			Concurrent: k.Int(keyConcurrent),
		},
		FirstUser: func(name, password string) {
			fmt.Fprintf(p.stderr, "Created the user %s. Its password, which is not shown again: %s\n", name, password)
		},
	}
	for _, f := range allFlags {
		if value := k.String(f.name); f.allowed() != nil && !slices.Contains(f.allowed(), value) {
			return o, fmt.Errorf("%s: %q is not one of %s", f.name, value, strings.Join(f.allowed(), ", "))
		}
	}
	switch at := k.String(keyDatabase); {
	case strings.HasPrefix(at, "postgres://") || strings.HasPrefix(at, "postgresql://"):
		o.Database = postgres.Database(at)
	case at != "":
		return o, fmt.Errorf("%s: is not a URL of the form postgres://user@host/name", keyDatabase)
	}
	for _, key := range []string{keyAddr, keyData} {
		if k.String(key) == "" {
			return o, fmt.Errorf("%s: must not be empty", key)
		}
	}
	var err error
	if o.Logger, err = logger(k.String(keyLogFormat), p.stderr); err == nil {
		err = parse(k, &o)
	}
	return o, err
}

// parse adds the options whose settings must be parsed. The error names all invalid settings.
func parse(k *koanf.Koanf, o *server.Options) error {
	var errs []error
	for key, d := range map[string]*time.Duration{
		keyRateWindow: &o.RateLimit.Window,
		keyPaceCreate: &o.Pace.Created, keyPaceQueued: &o.Pace.Queued,
		keyPaceList: &o.Pace.Listing, keyPaceScan: &o.Pace.Scanning,
	} {
		var err error
		*d, err = duration(k, key)
		errs = append(errs, err)
	}
	var sourcesErr, keyErr, worldsErr, usersErr error
	o.Sources, sourcesErr = sources(k, o.Logger)
	o.SigningKey, keyErr = signingKey(k)
	o.Worlds, worldsErr = worlds(k)
	o.Users, usersErr = users(k)
	errs = append(errs, sourcesErr, keyErr, worldsErr, control(k, o), seed(k, o), usersErr)
	return errors.Join(errs...)
}

func duration(k *koanf.Koanf, key string) (time.Duration, error) {
	d, err := time.ParseDuration(k.String(key))
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s: %q is not a duration such as 10s", key, k.String(key))
	}
	return max(d, time.Millisecond), nil // in Options, 0 is the default
}

// secret returns a secret from the environment or from a file; "" if neither is set.
func secret(k *koanf.Koanf, key, fileKey string) (string, error) {
	text, path := k.String(key), k.String(fileKey)
	if path == "" {
		return text, nil
	}
	if text != "" {
		return "", fmt.Errorf("set only one of %s and %s", variable(key), fileKey)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", fileKey, err)
	}
	return string(data), nil
}

// signingKey returns the key that signs tokens, from the environment or from a file; nil if it is
// not set.
func signingKey(k *koanf.Koanf) ([]byte, error) {
	text, err := secret(k, keySigningKey, keyKeyFile)
	if err != nil || text == "" && k.String(keyKeyFile) == "" {
		return nil, err
	}
	key, err := server.DecodeKey(text)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return key, nil
}
