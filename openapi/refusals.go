package openapi

// Class says how certain a rule is.
type Class string

// The classes, from the most to the least certain.
const (
	Documented Class = "documented" // release notes, swagger or docs say so
	Observed   Class = "observed"   // public integrations rely on it
	Inferred   Class = "inferred"   // follows from documented or observed behaviour
	Chosen     Class = "chosen"     // our choice
)

// Refusal is a reason to refuse a request that the vendor does not document in full.
type Refusal struct {
	Name    string // the name in the header X-QCS-Detail
	Class   Class
	Text    string // what is refused
	Lenient string // what --strictness=vendor does instead; "" when it refuses, too
	// Settle is, for a chosen rule, the curl command that would show what a real account does. $API
	// stands for https://<gateway>/csapi/v1.3, $AUTH for the header with the token.
	Settle string
}

// Names of the refusals.
const (
	DocumentSays       = "document"
	UnknownParameter   = "unknown-parameter"
	RepeatedParameter  = "repeated-parameter"
	CommaList          = "comma-list"
	BrokenEscape       = "broken-escape"
	EmptyNumber        = "empty-number"
	TrailingBytes      = "trailing-bytes"
	CaseVariantKey     = "case-variant-key"
	DuplicateKey       = "duplicate-key"
	NULByte            = "nul-byte"
	UnexpectedBody     = "unexpected-body"
	ContentType        = "content-type"
	ContentEncoding    = "content-encoding"
	BodyTooLarge       = "body-too-large"
	NoSelection        = "no-selection"
	DuplicateURI       = "duplicate-uri"
	FixedField         = "fixed-field"
	TypeNeedsGroup     = "type-needs-group"
	NeedsCredential    = "needs-credential"
	GovRegion          = "gov-region"
	WeekDayInterval    = "week-day-interval"
	IntervalNeeded     = "interval-needed"
	NotAutomatic       = "not-automatic"
	WrongState         = "wrong-state"
	RunningSchedule    = "running-schedule"
	FilterSyntax       = "filter-syntax"
	FilterToken        = "filter-token"
	FilterValue        = "filter-value"
	DuplicateConnector = "duplicate-connector"
	UnknownConnector   = "unknown-connector"
	ServiceAccountFile = "service-account-file"
	TagExpression      = "tag-expression"
	ReportColumn       = "report-column"
	ReportPeriod       = "report-period"
)

// Parts of the calls in Settle.
const (
	curl     = `curl -i -H "$AUTH" `
	body     = `"registryType":"V2","registryUri":"https://r.example.com","credentialType":"None"`
	validate = ` "$API/registry/validate"`
	report   = `"name":"n","templateName":"CS_IMAGE_VULNERABILITY"`
)

// Refusals is the one table of the refusals that no document of the vendor gives a status for. The
// server follows it; the README of the server prints it.
var Refusals = []Refusal{
	{DocumentSays, Inferred, "what does not fit a type, enumeration, pattern or bound of the document; " +
		"most bounds of length and number are our choice", "", ""},
	{UnknownParameter, Chosen, "a query parameter that the operation does not have", "ignored",
		curl + `"$API/registry?undocumented=1"`},
	{RepeatedParameter, Chosen, "a parameter that takes one value is given twice", "the first counts",
		curl + `"$API/registry?pageSize=1&pageSize=2"`},
	{CommaList, Inferred, "a list as one value with commas; the documents show only the repeated key",
		"split at the commas", ""},
	{BrokenEscape, Chosen, "a query string with a broken % escape or a semicolon", "the pair is dropped",
		curl + `"$API/registry?filter=%zz"`},
	{EmptyNumber, Chosen, "a number parameter without a value", "taken as absent", curl + `"$API/registry?pageSize="`},
	{TrailingBytes, Chosen, "bytes after the JSON value of the body", "ignored",
		curl + `--json '{` + body + `} x'` + validate},
	{CaseVariantKey, Chosen, "a body key that differs from a known one only by case", "ignored, as any unknown key",
		curl + `--json '{` + body + `,"RegistryType":"nosuch"}'` + validate},
	{DuplicateKey, Chosen, "a body key that is given twice", "the last counts",
		curl + `--json '{` + body + `,"registryType":"nosuch"}'` + validate},
	{NULByte, Chosen, "a NUL character in a text", "",
		curl + `--json '{"registryType":"V2","registryUri":"https://r.example.com/\u0000",` +
			`"credentialType":"None"}'` + validate},
	{UnexpectedBody, Chosen, "a body other than {} where the operation has none", "ignored",
		curl + `-X GET --json '{"a":1}' "$API/registry"`},
	{ContentType, Chosen, "a body with a content type that the operation does not take", "",
		curl + `-H "Content-Type: text/xml" --data '<a/>'` + validate},
	{ContentEncoding, Chosen, "a compressed body", "",
		curl + `-H "Content-Type: application/json" -H "Content-Encoding: gzip" --data-binary @gz` + validate},
	{BodyTooLarge, Chosen, "a body of more than 1 MiB", "", `head -c 2000000 /dev/zero | tr '\0' ' ' | ` +
		curl + `-H "Content-Type: application/json" --data-binary @-` + validate},
	{NoSelection, Chosen, "a bulk call with neither ids nor filter", "",
		curl + `-X POST "$API/registry/$REGISTRY/schedule/cancel?scheduleIds=&filter="`},
	{DuplicateURI, Chosen, "a second registry with the same registryUri", "", curl +
		`--json '{"registryType":"V2","registryUri":"<that of a registry>","credentialType":"None"}' "$API/registry"`},
	{FixedField, Documented, "a field that cannot be updated has another value; its status is our choice", "", ""},
	{TypeNeedsGroup, Documented,
		"a registry type without the group of fields that it needs; its status is our choice", "", ""},
	{NeedsCredential, Inferred, "a credential type without user name and password", "", ""},
	{UnknownConnector, Inferred, "a registry whose Azure or Google connector does not exist", "taken at its word", ""},
	{DuplicateConnector, Chosen, "a second connector with the same role, id or name", "", curl +
		`--json '{"arn":"<that of a connector>","name":"n","description":"d","externalId":"1"}' ` +
		`"$API/registry/aws/connector"`},
	{ServiceAccountFile, Inferred, "a Google connector without the key file of a service account", "", ""},
	{TagExpression, Chosen, "a tag that is meant as a regular expression and is none", "", curl +
		`--json '{"onDemand":true,"filters":[{"repoTags":[{"repo":"a","tag":"("}]}]}' ` +
		`"$API/registry/$REGISTRY/schedule"`},
	{ReportColumn, Chosen, "a column that the template of a report does not have", "",
		curl + `--json '{` + report + `,"displayColumns":["nosuch"]}' "$API/reports"`},
	{ReportPeriod, Chosen, "a schedule of reports that ends before it begins", "",
		curl + `--json '{` + report + `,"expireAfter":1,"action":"CREATE",` +
			`"eventTime":"2030-01-02T00:00:00Z","eventEndTime":"2030-01-01T00:00:00Z"}' "$API/reports/schedule"`},
	{GovRegion, Documented, "a US_Gov account with another region; its status is our choice", "", ""},
	{WeekDayInterval, Documented, "weekDay with an interval other than 7; its status is our choice", "", ""},
	{IntervalNeeded, Inferred, "an automatic schedule with neither start time nor interval", "", ""},
	{NotAutomatic, Documented, "an update of an on-demand schedule; its status is our choice", "", ""},
	{WrongState, Documented,
		"a cancel, delete or update that the state of the schedule forbids; its status is our choice", "", ""},
	{RunningSchedule, Documented, "deleting a registry that has a Running schedule; its status is our choice", "", ""},
	{FilterSyntax, Chosen, "a filter that cannot be read", "",
		curl + `-G --data-urlencode 'filter=status:(' "$API/registry"`},
	{FilterToken, Documented, "a filter or sort token that the list does not know", "", ""},
	{FilterValue, Chosen, "a value of a filter, or a sort order, that does not fit its token", "",
		curl + `"$API/registry?filter=repoCount:many"`},
}
