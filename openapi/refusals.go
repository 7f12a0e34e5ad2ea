package openapi

// Class says how well a rule is founded.
type Class string

// The classes, from firm to free.
const (
	Documented Class = "documented" // release notes, swagger or docs say so
	Observed   Class = "observed"   // public integrations rely on it
	Inferred   Class = "inferred"   // follows from the former
	Chosen     Class = "chosen"     // our choice
)

// Refusal is a reason to refuse a request that the vendor does not document.
type Refusal struct {
	Name    string // how X-QCS-Detail calls it
	Class   Class
	Text    string // what is refused
	Lenient string // what --strictness=vendor does instead; "" when the rule holds there too
}

// Names of the refusals, for the code that applies them.
const (
	DocumentSays      = "document"
	UnknownParameter  = "unknown-parameter"
	RepeatedParameter = "repeated-parameter"
	CommaList         = "comma-list"
	BrokenEscape      = "broken-escape"
	EmptyNumber       = "empty-number"
	TrailingBytes     = "trailing-bytes"
	CaseVariantKey    = "case-variant-key"
	DuplicateKey      = "duplicate-key"
	NULByte           = "nul-byte"
	UnexpectedBody    = "unexpected-body"
	ContentType       = "content-type"
	BodyTooLarge      = "body-too-large"
	NoSelection       = "no-selection"
	DuplicateURI      = "duplicate-uri"
	FixedField        = "fixed-field"
	TypeNeedsGroup    = "type-needs-group"
	NeedsCredential   = "needs-credential"
	GovRegion         = "gov-region"
	WeekDayInterval   = "week-day-interval"
	IntervalNeeded    = "interval-needed"
	NotAutomatic      = "not-automatic"
	WrongState        = "wrong-state"
	RunningSchedule   = "running-schedule"
	FilterSyntax      = "filter-syntax"
	FilterToken       = "filter-token"
	FilterValue       = "filter-value"

	DuplicateConnector = "duplicate-connector"
	UnknownConnector   = "unknown-connector"
	ServiceAccountFile = "service-account-file"
	TagExpression      = "tag-expression"
	ReportColumn       = "report-column"
)

// Refusals is the one table of refusals that rest on less than a documented status. The server obeys it, its README prints it.
var Refusals = []Refusal{
	{DocumentSays, Inferred, "what does not fit a type, enumeration, pattern or bound of the document; most bounds of length and number are our choice", ""},
	{UnknownParameter, Chosen, "a query parameter that the operation does not have", "ignored"},
	{RepeatedParameter, Chosen, "a parameter that takes one value is given twice", "the first counts"},
	{CommaList, Inferred, "a list as one value with commas; the documents show only the repeated key", "split at the commas"},
	{BrokenEscape, Chosen, "a query string with a broken % escape or a semicolon", "the pair is dropped"},
	{EmptyNumber, Chosen, "a number parameter without a value", "taken as absent"},
	{TrailingBytes, Chosen, "bytes after the JSON value of the body", "ignored"},
	{CaseVariantKey, Chosen, "a body key that differs from a known one only by case", "ignored, as any unknown key"},
	{DuplicateKey, Chosen, "a body key that is given twice", "the last counts"},
	{NULByte, Chosen, "a NUL character in a text", ""},
	{UnexpectedBody, Chosen, "a body other than {} where the operation has none", "ignored"},
	{ContentType, Chosen, "a body with a content type that the operation does not take", ""},
	{BodyTooLarge, Chosen, "a body of more than 1 MiB", ""},
	{NoSelection, Chosen, "a bulk call with neither ids nor filter", ""},
	{DuplicateURI, Chosen, "a second registry with the same registryUri", ""},
	{FixedField, Documented, "a field that cannot be updated has another value; its status is our choice", ""},
	{TypeNeedsGroup, Documented, "a registry type without the group of fields that it needs; its status is our choice", ""},
	{NeedsCredential, Inferred, "a credential type without user name and password", ""},
	{UnknownConnector, Inferred, "a registry whose Azure or Google connector does not exist", "taken at its word"},
	{DuplicateConnector, Chosen, "a second connector with the same role, id or name", ""},
	{ServiceAccountFile, Inferred, "a Google connector without the key file of a service account", ""},
	{TagExpression, Chosen, "a tag that is meant as a regular expression and is none", ""},
	{ReportColumn, Chosen, "a column that the template of a report does not have", ""},
	{GovRegion, Documented, "a US_Gov account with another region; its status is our choice", ""},
	{WeekDayInterval, Documented, "weekDay with an interval other than 7; its status is our choice", ""},
	{IntervalNeeded, Inferred, "an automatic schedule with neither start time nor interval", ""},
	{NotAutomatic, Documented, "an update of an on-demand schedule; its status is our choice", ""},
	{WrongState, Documented, "a cancel, delete or update that the state of the schedule forbids; its status is our choice", ""},
	{RunningSchedule, Documented, "deleting a registry that has a Running schedule; its status is our choice", ""},
	{FilterSyntax, Chosen, "a filter that cannot be read", ""},
	{FilterToken, Documented, "a filter or sort token that the list does not know", ""},
	{FilterValue, Chosen, "a value of a filter, or a sort order, that does not fit its token", ""},
}
