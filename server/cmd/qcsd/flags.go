package main

import (
	"net/http"
	"strings"
	"time"

	"github.com/spf13/pflag"

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
	keyHosts      = "control-host"
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
	keyTLSCA      = "tls-ca-file"
	keyTLSCert    = "tls-cert"
	keyTLSHosts   = "tls-hosts"
	keyTLSKey     = "tls-key"
	keyValidate   = "validate-responses"
	keyUser       = "user"
	keyWelcome    = "welcome"

	// These have no flag, because they contain secrets. The file has users and worlds only.
	keyUsers        = "users"
	keyWorlds       = "worlds"
	keySigningKey   = "signing-key"
	keyControlToken = "control-token"
)

// Values of --registry-source.
const (
	sourceSynthetic = "synthetic"
	sourceOCI       = "oci"
)

// flag is a flag of all commands.
type flag struct {
	name    string
	initial any // the default: a string, []string, int, bool or time.Duration
	usage   string
	values  []string // the values that are allowed; nil for any
}

// allFlags has the flags of all commands.
var allFlags = []flag{
	{keyAddr, "127.0.0.1:8080", "address to listen on", nil},
	{keyAuthStatus, http.StatusCreated, "status of a successful login: 201, or 200, which one integration requires",
		[]string{"201", "200"}},
	{keyConcurrent, 0, "maximum concurrent calls per user and operation; 0 for no limit", nil},
	{keyConfig, "", "configuration file (YAML)", nil},
	{keyHosts, []string{}, "name of this emulator behind a proxy: the calls of /_qcs may have it in the header Host, " +
		"besides the names of this machine; repeatable", nil},
	{keyControl, "", "file with the token for the calls on worlds (/_qcs/worlds); required unless --addr is a " +
		"loopback address", nil},
	{keyData, ".qcs", "folder of the database, or :memory:", nil},
	{keyDatabase, "", "URL of a PostgreSQL database, postgres://user@host/name, instead of --data; " +
		"set a password in QCSD_DATABASE, PGPASSWORD or PGPASSFILE", nil},
	{keyEmptyList, http.StatusOK, "status of a page without items: 200, or 204 without a body, " +
		"which three integrations expect", []string{"200", "204"}},
	{keyFault, false, "allow a request to trigger a fault with the header X-QCS-Fault", nil},
	{keyDecoding, string(server.DecodeTwice), "twice: if a filter is invalid and contains %XX, decode it again; " +
		"once: refuse it", []string{"twice", "once"}},
	{keyInventory, "", "YAML file with registry contents (registryUri, repository, tag); " +
		"contents of other registries are generated", nil},
	{keyJournal, 1000, "number of calls to keep in the journal of each world; 0 for none", nil},
	{keyKeyFile, "", "file with the base64-encoded 64-byte signing key; default: generated in the data folder", nil},
	{keyLogFormat, "text", "text or json", nil},
	{keyOCIHosts, "", "host[:port],… that --registry-source oci may contact, including redirect targets", nil},
	{keyPaceCreate, server.DefaultPace.Created, "how long a schedule stays Created", nil},
	{keyPaceQueued, server.DefaultPace.Queued, "how long a schedule stays Queued", nil},
	{keyPaceList, server.DefaultPace.Listing, "how long a Running schedule lists repositories", nil},
	{keyPaceScan, server.DefaultPace.Scanning, "how long a Running schedule scans images", nil},
	{keyPortFile, "", "file that has host:port while the emulator listens; " +
		"with --addr 127.0.0.1:0 a free port is chosen", nil},
	{keyReadyFD, 0, "file descriptor to write a line of JSON to when the emulator listens: " +
		`{"url":…,"addr":…,"pid":…}, with --tls also "ca", the certificate of the authority`, nil},
	{keyRateCalls, 0, "maximum calls per user and operation in a window; 0 for no limit", nil},
	{keyRateStatus, http.StatusTooManyRequests, "status returned when the rate limit is exceeded: 429 as on the " +
		"gateway, or 409 as on the API servers", []string{"429", "409"}},
	{keyRateWindow, time.Hour, "length of the rate limit window", nil},
	{keySeed, "", "data to load into an empty database: " + strings.Join(server.Seeds(), ", ") +
		", or a scenario in a file (YAML or JSON)", nil},
	{keySource, sourceSynthetic, "synthetic: scan results are generated, or come from --inventory; " +
		"oci: list the real registries on --oci-hosts, with the credentials of the Docker keychain",
		[]string{sourceSynthetic, sourceOCI}},
	{keyStrictness, string(contract.Strict), "strict: refuse requests that the document does not allow; " +
		"vendor: accept what we assume the vendor ignores", []string{"strict", "vendor"}},
	{keyChecks, string(server.ValidateGenerated), "generated: check requests with code generated from " +
		"the document; reference: interpret the document, many times slower", []string{"generated", "reference"}},
	{keyTLS, false, "serve HTTPS, with a generated certificate for this machine unless --tls-cert is given", nil},
	{keyTLSCA, "", "file to write the certificate of the authority of a generated certificate to (PEM)", nil},
	{keyTLSCert, "", "file with the certificate (PEM); together with --tls-key, it enables HTTPS", nil},
	{keyTLSHosts, []string{}, "names and IP addresses that a generated certificate is valid for, besides those of " +
		"this machine; repeatable", nil},
	{keyTLSKey, "", "file with the key of the certificate (PEM)", nil},
	{keyValidate, false, "check every response against the OpenAPI document; return 500 for one that violates it", nil},
	{keyWelcome, false, "print the base URL, a token and an example call to standard output at the start", nil},
}

func addFlags(set *pflag.FlagSet) {
	for _, f := range allFlags {
		switch initial := f.initial.(type) {
		case string:
			set.String(f.name, initial, f.usage)
		case []string:
			set.StringSlice(f.name, initial, f.usage)
		case int:
			set.Int(f.name, initial, f.usage)
		case bool:
			set.Bool(f.name, initial, f.usage)
		case time.Duration:
			set.Duration(f.name, initial, f.usage)
		}
	}
}

// allowed returns the values that a flag may have; nil for any.
func (f flag) allowed() []string {
	if _, ok := f.initial.(bool); ok {
		return []string{"true", "false"}
	}
	return f.values
}
