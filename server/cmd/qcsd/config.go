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
	"github.com/qcsdev/qcs/server"
)

// Names of the settings: flags, QCSD_… in the environment (upper case, _ for -) and keys of the
// configuration file.
const (
	keyAddr       = "addr"
	keyAuthStatus = "auth-status"
	keyConcurrent = "concurrency-limit"
	keyConfig     = "config"
	keyControl    = "control-token-file"
	keyData       = "data"
	keyDatabase   = "database"
	keyDecoding   = "filter-decoding"
	keyFault      = "fault-header"
	keyEmptyList  = "empty-list"
	keyInventory  = "inventory"
	keyJournal    = "journal"
	keyKeyFile    = "signing-key-file"
	keyLogFormat  = "log-format"
	keyOCIHosts   = "oci-hosts"
	keyPaceCreate = "pace-created"
	keyPaceQueued = "pace-queued"
	keyPaceList   = "pace-listing"
	keyPaceScan   = "pace-scanning"
	keyPortFile   = "port-file"
	keyRateCalls  = "rate-limit"
	keyRateStatus = "rate-status"
	keyRateWindow = "rate-window"
	keyReadyFD    = "ready-fd"
	keySeed       = "seed"
	keySource     = "registry-source"
	keyStrictness = "strictness"
	keyChecks     = "validate"
	keyTLS        = "tls"
	keyTLSCert    = "tls-cert"
	keyTLSKey     = "tls-key"
	keyValidate   = "validate-responses"
	keyUser       = "user"
	keyWelcome    = "welcome"

	// No flag carries a secret: these exist in the environment and, but for the key, in the file.
	keyUsers      = "users"
	keyWorlds     = "worlds"
	keySigningKey = "signing-key"

	keyControlToken = "control-token"
)

func addFlags(f *pflag.FlagSet) {
	f.String(keyAddr, "127.0.0.1:8080", "address to listen on")
	f.Int(keyAuthStatus, http.StatusCreated, "status of a good login: 201, or 200, which one integration insists on")
	f.Int(keyConcurrent, 0, "calls of a user to an operation at the same time; 0 for no limit")
	f.String(keyConfig, "", "configuration file (YAML)")
	f.String(
		keyControl, "",
		"file with the token that calls on worlds need (/_qcs/worlds); needed where others can reach the address",
	)
	f.String(keyData, ".qcs", "folder of the database, or :memory:")
	f.String(
		keyDatabase,
		"",
		"URL of a PostgreSQL database, postgres://user@host/name, in place of --data; a password goes into "+
			"QCSD_DATABASE, PGPASSWORD or PGPASSFILE",
	)
	f.Int(
		keyEmptyList, http.StatusOK,
		"status of a page without items: 200, or 204 without a body, which three integrations expect",
	)
	f.Bool(keyFault, false, "let a call name a fault of its own in the header X-QCS-Fault")
	f.String(
		keyDecoding, string(server.DecodeTwice),
		"twice: a filter that cannot be read and holds %XX is decoded once more; once: it is refused",
	)
	f.String(
		keyInventory, "",
		"file (YAML) with what registries hold: registryUri, repository, tag; the contents of others are made up",
	)
	f.Int(keyJournal, 1000, "calls that the journal keeps of each world; 0 for none")
	f.String(
		keyKeyFile, "",
		"file with the base64 of the 64 bytes that sign tokens; default: one that is made in the data folder",
	)
	f.String(keyLogFormat, "text", "text or json")
	f.String(
		keyOCIHosts, "",
		"host[:port],… of the registries that --registry-source oci may call, and of what they redirect to",
	)
	f.Duration(keyPaceCreate, server.DefaultPace.Created, "how long a schedule stays Created")
	f.Duration(keyPaceQueued, server.DefaultPace.Queued, "how long a schedule stays Queued")
	f.Duration(keyPaceList, server.DefaultPace.Listing, "how long a Running schedule lists repositories")
	f.Duration(keyPaceScan, server.DefaultPace.Scanning, "how long a Running schedule scans images")
	f.String(
		keyPortFile, "",
		"file to write host:port to when the emulator listens; with --addr 127.0.0.1:0 the port is a free one",
	)
	f.Int(
		keyReadyFD, 0,
		"file descriptor to write a line of JSON to when the emulator listens: {\"url\":…,\"addr\":…,\"pid\":…}",
	)
	f.Int(keyRateCalls, 0, "calls of a user to an operation in a window; 0 for no limit")
	f.Int(
		keyRateStatus, http.StatusTooManyRequests,
		"status of a call beyond the limit: 429 as on the gateway, or 409 as on the API servers",
	)
	f.Duration(keyRateWindow, time.Hour, "window of the limit")
	f.String(
		keySeed,
		"",
		"what an empty database begins with: "+strings.Join(
			server.Seeds(), ", ",
		)+", or a scenario in a file (YAML or JSON)",
	)
	f.String(
		keySource,
		sourceSynthetic,
		"synthetic: what scans find is made up, or comes from --inventory; oci: registries on --oci-hosts are "+
			"listed for real, with the credentials of the machine's keychain",
	)
	f.String(
		keyStrictness, string(contract.Strict),
		"strict refuses what no document allows; vendor lets pass what the vendor is taken to ignore",
	)
	f.String(
		keyChecks,
		string(server.ValidateGenerated),
		"generated checks requests by code that was made from the document; reference by reading the document, "+
			"many times slower",
	)
	f.Bool(
		keyTLS, false,
		"serve HTTPS, with a certificate for this machine that is made at the start unless --tls-cert is given",
	)
	f.String(keyTLSCert, "", "file with the certificate (PEM); with --tls-key it switches HTTPS on")
	f.String(keyTLSKey, "", "file with the key of the certificate (PEM)")
	f.Bool(keyValidate, false, "hold every answer to the document; one that does not fit becomes a 500")
	f.Bool(keyWelcome, false, "print base URL, a token and a first call to standard output at the start")
}

// settings reads flags, environment, file and defaults, in this order of precedence.
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
		if !slices.Contains(known, key) || key == keySigningKey || key == keyControlToken || key == keyConfig {
			return nil, fmt.Errorf("configuration file: unknown key %q", key)
		}
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

// noPassword refuses a password among the arguments of the process, which others can see.
func noPassword(flags *pflag.FlagSet) error {
	u, err := url.Parse(flags.Lookup(keyDatabase).Value.String())
	if err != nil {
		return fmt.Errorf("%s: is not a URL", keyDatabase) // the error of the parser would repeat it
	}
	if _, given := u.User.Password(); given || u.Query().Has("password") || u.Query().Has("sslpassword") {
		return fmt.Errorf(
			"%s: has a password, which others can see among the arguments of the process: put it into %s, "+
				"PGPASSWORD or PGPASSFILE",
			keyDatabase,
			variable(keyDatabase),
		)
	}
	return nil
}

// variable is the name of a setting in the environment.
func variable(key string) string {
	return "QCSD_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// Where scans find images.
const (
	sourceSynthetic = "synthetic"
	sourceOCI       = "oci"
)

// truth lists how a switch is written.
var truth = []string{"true", "false"}

// options translates the settings for the emulator.
func (p *program) options(k *koanf.Koanf) (server.Options, error) {
	o := server.Options{
		Data: k.String(
			keyData,
		),
		Database:          k.String(keyDatabase),
		ValidateResponses: k.Bool(keyValidate),
		FaultHeader:       k.Bool(keyFault),
		Version:           buildVersion(),
		Strictness: contract.Strictness(
			k.String(keyStrictness),
		),
		Validate:        server.Validate(k.String(keyChecks)),
		FilterDecoding:  server.FilterDecoding(k.String(keyDecoding)),
		AuthStatus:      k.Int(keyAuthStatus),
		EmptyListStatus: k.Int(keyEmptyList),
		RateLimit: server.RateLimit{
			Calls:      k.Int(keyRateCalls),
			Classic:    k.Int(keyRateStatus) == http.StatusConflict,
			Concurrent: k.Int(keyConcurrent),
		},
		FirstUser: func(name, password string) {
			fmt.Fprintf(p.stderr, "The user %s was made. Its password, which is shown only now: %s\n", name, password)
		},
	}
	for _, key := range []struct {
		name    string
		allowed []string
	}{
		{keyStrictness, []string{"strict", "vendor"}},
		{keyChecks, []string{"generated", "reference"}},
		{keyDecoding, []string{"twice", "once"}},
		{keyAuthStatus, []string{"201", "200"}},
		{keyEmptyList, []string{"200", "204"}}, {keyRateStatus, []string{"429", "409"}},
		{keySource, []string{sourceSynthetic, sourceOCI}},
		{keyFault, truth}, {keyValidate, truth}, {keyWelcome, truth}, {keyTLS, truth},
	} {
		if !slices.Contains(key.allowed, k.String(key.name)) {
			return o, fmt.Errorf(
				"%s: %q is not one of %s", key.name, k.String(key.name), strings.Join(key.allowed, ", "),
			)
		}
	}
	if d := k.String(
		keyDatabase,
	); d != "" && !strings.HasPrefix(d, "postgres://") &&
		!strings.HasPrefix(d, "postgresql://") {
		return o, fmt.Errorf("%s: is not a URL of the form postgres://user@host/name", keyDatabase)
	}
	for _, key := range []string{keyAddr, keyData} {
		if k.String(key) == "" {
			return o, fmt.Errorf("%s: must not be empty", key)
		}
	}
	err := p.read(k, &o)
	return o, err
}

// read fills in the options that need reading; the error names all that cannot be read.
func (p *program) read(k *koanf.Koanf, o *server.Options) error {
	var errs []error
	for key, d := range map[string]*time.Duration{
		keyRateWindow: &o.RateLimit.Window,
		keyPaceCreate: &o.Pace.Created,
		keyPaceQueued: &o.Pace.Queued,
		keyPaceList:   &o.Pace.Listing,
		keyPaceScan:   &o.Pace.Scanning,
	} {
		var err error
		*d, err = duration(k, key)
		errs = append(errs, err)
	}
	var err error
	o.Sources, o.OCIHosts, err = sources(k)
	errs = append(errs, err)
	o.SigningKey, err = p.signingKey(k)
	errs = append(errs, err)
	o.Worlds, err = worlds(k)
	errs = append(errs, err)
	errs = append(errs, p.control(k, o), seed(k, o))
	o.Users, err = users(k)
	return errors.Join(append(errs, err)...)
}

func duration(k *koanf.Koanf, key string) (time.Duration, error) {
	d, err := time.ParseDuration(k.String(key))
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s: %q is not a duration such as 10s", key, k.String(key))
	}
	return max(d, time.Millisecond), nil // 0 would mean the default
}

// signingKey reads the key of tokens from the environment or from a file.
func (p *program) signingKey(k *koanf.Koanf) ([]byte, error) {
	text, path := k.String(keySigningKey), k.String(keyKeyFile)
	switch {
	case text != "" && path != "":
		return nil, fmt.Errorf("%s and %s: give one of them", variable(keySigningKey), keyKeyFile)
	case path != "":
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keyKeyFile, err)
		}
		text = string(data)
	case text == "":
		return nil, nil
	}
	key, err := server.DecodeKey(text)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return key, nil
}

// list reads a setting that is a list in the file and a text with commas in the environment. The
// error does not show an item, which may hold a password.
func list(k *koanf.Koanf, key string) ([]string, error) {
	var items []string
	switch value := k.Get(key).(type) {
	case nil:
	case string:
		items = strings.Split(value, ",")
	case []any:
		for i, item := range value {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("%s: item %d is not a text of the form name:…", key, i+1)
			}
			items = append(items, text)
		}
	default:
		return nil, fmt.Errorf("%s: not a list of texts", key)
	}
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items, nil
}

// fields splits name:value:… and decodes the percent encoding of each part. The error does not show
// the text, which may hold a password.
func fields(item string, most int) ([]string, error) {
	parts := strings.Split(item, ":")
	if len(parts) > most {
		return nil, errors.New("has too many parts; encode : as %3A and , as %2C")
	}
	for i, part := range parts {
		var err error
		if parts[i], err = url.PathUnescape(part); err != nil {
			return nil, errors.New("has a broken % encoding; encode % as %25")
		}
	}
	return append(parts, make([]string, most-len(parts))...), nil
}

// worlds reads items of the form name[:plan].
func worlds(k *koanf.Koanf) ([]server.World, error) {
	items, err := list(k, keyWorlds)
	if err != nil {
		return nil, err
	}
	var all []server.World
	for _, item := range items {
		parts, err := fields(item, 2)
		if err != nil {
			return nil, fmt.Errorf("world %q %w", item, err)
		}
		plans := map[string]server.Plan{"": "Full", "free": "Free", "trial": "Trial", "full": "Full"}
		plan, ok := plans[strings.ToLower(parts[1])]
		if !ok || parts[0] == "" {
			return nil, fmt.Errorf("world %q is not of the form name:plan with plan free, trial or full", item)
		}
		all = append(all, server.World{Name: parts[0], Plan: plan})
	}
	return all, nil
}

// users reads items of the form name:password[:role[:world]].
func users(k *koanf.Koanf) ([]server.User, error) {
	items, err := list(k, keyUsers)
	if err != nil {
		return nil, err
	}
	var all []server.User
	for i, item := range items {
		parts, err := fields(item, 4)
		if err != nil {
			return nil, fmt.Errorf("user number %d %w", i+1, err)
		}
		all = append(
			all,
			server.User{
				Name:     parts[0],
				Password: parts[1],
				Role:     server.Role(strings.ToLower(parts[2])),
				World:    parts[3],
			},
		)
	}
	return all, nil
}
