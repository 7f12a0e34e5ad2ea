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
	initial any // the default: a string, int, bool or time.Duration
	usage   string
	values  []string // the values that are allowed; nil for any
}

// allFlags has the flags of all commands.
var allFlags = []flag{
	{keyAddr, "127.0.0.1:8080", "address to listen on", nil},
	{keyAuthStatus, http.StatusCreated, "status of a good login: 201, or 200, which one integration insists on",
		[]string{"201", "200"}},
	{keyConcurrent, 0, "calls of a user to an operation at the same time; 0 for no limit", nil},
	{keyConfig, "", "configuration file (YAML)", nil},
	{keyControl, "", "file with the token that calls on worlds need (/_qcs/worlds); " +
		"needed where others can reach the address", nil},
	{keyData, ".qcs", "folder of the database, or :memory:", nil},
	{keyDatabase, "", "URL of a PostgreSQL database, postgres://user@host/name, in place of --data; " +
		"a password goes into QCSD_DATABASE, PGPASSWORD or PGPASSFILE", nil},
	{keyEmptyList, http.StatusOK, "status of a page without items: 200, or 204 without a body, " +
		"which three integrations expect", []string{"200", "204"}},
	{keyFault, false, "let a call name a fault of its own in the header X-QCS-Fault", nil},
	{keyDecoding, string(server.DecodeTwice), "twice: a filter that cannot be read and holds %XX is decoded " +
		"once more; once: it is refused", []string{"twice", "once"}},
	{keyInventory, "", "file (YAML) with what registries hold: registryUri, repository, tag; " +
		"the contents of others are made up", nil},
	{keyJournal, 1000, "calls that the journal keeps of each world; 0 for none", nil},
	{keyKeyFile, "", "file with the base64 of the 64 bytes that sign tokens; " +
		"default: one that is made in the data folder", nil},
	{keyLogFormat, "text", "text or json", nil},
	{keyOCIHosts, "", "host[:port],… of the registries that --registry-source oci may call, " +
		"and of what they redirect to", nil},
	{keyPaceCreate, server.DefaultPace.Created, "how long a schedule stays Created", nil},
	{keyPaceQueued, server.DefaultPace.Queued, "how long a schedule stays Queued", nil},
	{keyPaceList, server.DefaultPace.Listing, "how long a Running schedule lists repositories", nil},
	{keyPaceScan, server.DefaultPace.Scanning, "how long a Running schedule scans images", nil},
	{keyPortFile, "", "file to write host:port to when the emulator listens; " +
		"with --addr 127.0.0.1:0 the port is a free one", nil},
	{keyReadyFD, 0, "file descriptor to write a line of JSON to when the emulator listens: " +
		`{"url":…,"addr":…,"pid":…}`, nil},
	{keyRateCalls, 0, "calls of a user to an operation in a window; 0 for no limit", nil},
	{keyRateStatus, http.StatusTooManyRequests, "status of a call beyond the limit: 429 as on the gateway, " +
		"or 409 as on the API servers", []string{"429", "409"}},
	{keyRateWindow, time.Hour, "window of the limit", nil},
	{keySeed, "", "what an empty database begins with: " + strings.Join(server.Seeds(), ", ") +
		", or a scenario in a file (YAML or JSON)", nil},
	{keySource, sourceSynthetic, "synthetic: what scans find is made up, or comes from --inventory; " +
		"oci: registries on --oci-hosts are listed for real, with the credentials of the machine's keychain",
		[]string{sourceSynthetic, sourceOCI}},
	{keyStrictness, string(contract.Strict), "strict refuses what no document allows; " +
		"vendor lets pass what the vendor is taken to ignore", []string{"strict", "vendor"}},
	{keyChecks, string(server.ValidateGenerated), "generated checks requests by code that was made from " +
		"the document; reference by reading the document, many times slower", []string{"generated", "reference"}},
	{keyTLS, false, "serve HTTPS, with a certificate for this machine that is made at the start " +
		"unless --tls-cert is given", nil},
	{keyTLSCert, "", "file with the certificate (PEM); with --tls-key it switches HTTPS on", nil},
	{keyTLSKey, "", "file with the key of the certificate (PEM)", nil},
	{keyValidate, false, "hold every answer to the document; one that does not fit becomes a 500", nil},
	{keyWelcome, false, "print base URL, a token and a first call to standard output at the start", nil},
}

func addFlags(set *pflag.FlagSet) {
	for _, f := range allFlags {
		switch initial := f.initial.(type) {
		case string:
			set.String(f.name, initial, f.usage)
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
