package bind

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/qcsdev/qcs/openapi"
)

// maxNesting limits the depth of a body.
const maxNesting = 64

// Decoder decodes a JSON text into the generated types and checks it against the schemas. Methods
// return false after an error; then the caller must return, too.
type Decoder struct {
	Key string // of the current property

	text    string
	at      int
	depth   int  // number of open containers
	first   bool // the innermost open container has no item yet
	refused *openapi.RequestError
}

// NewDecoder returns a decoder of a text.
func NewDecoder(text string) Decoder { return Decoder{text: text} }

// Refused returns the error.
func (d *Decoder) Refused() *openapi.RequestError { return d.refused }

// Refuse refuses the current value. It returns false.
func (d *Decoder) Refuse(rule, reason string) bool {
	d.refused = cmp.Or(d.refused, openapi.Refuse(rule, "body", reason))
	return false
}

// NotAllowed refuses the current value, which is not one of the allowed ones. It returns false.
func (d *Decoder) NotAllowed(value string, allowed ...string) bool {
	return d.Refuse("", notAllowed(value, allowed))
}

const notJSON = "not valid JSON"

// invalid refuses the whole body. It returns false.
func (d *Decoder) invalid() bool {
	d.refused = openapi.Refuse("", "body", notJSON)
	return false
}

// In puts a key in front of the position of an error inside its value. It returns false.
func (d *Decoder) In(key string) bool {
	if d.refused.Reason != notJSON {
		d.refused.Where = "body at /" + key + strings.TrimPrefix(strings.TrimPrefix(d.refused.Where, "body"), " at ")
	}
	return false
}

// End refuses bytes after the value.
func (d *Decoder) End() bool {
	d.next()
	return d.at == len(d.text) || d.Refuse(openapi.TrailingBytes, "has bytes after the JSON value")
}

// next skips white space and returns the next byte; 0 at the end.
func (d *Decoder) next() byte {
	for ; d.at < len(d.text); d.at++ {
		if c := d.text[d.at]; c > ' ' || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
	}
	return 0
}

// open begins an object or an array; kind names it in the error.
func (d *Decoder) open(with byte, kind string) bool {
	if d.next() != with {
		return d.wrongType("value must be an " + kind)
	}
	if d.depth > maxNesting {
		return d.Refuse("", "nested more than "+strconv.Itoa(maxNesting)+" deep")
	}
	d.at++
	d.depth++
	d.first = true
	return true
}

// more reports whether the open container has another item. It returns false after an error.
func (d *Decoder) more(end byte) bool {
	first := d.first
	d.first = false
	switch c := d.next(); {
	case d.refused != nil:
	case c == end:
		d.at++
		d.depth--
	case first:
		return true
	case c == ',':
		d.at++
		return true
	default:
		d.invalid()
	}
	return false
}

// Object begins an object.
func (d *Decoder) Object() bool { return d.open('{', "object") }

// Property reads the next key of an object.
func (d *Decoder) Property() bool {
	if !d.more('}') {
		return false
	}
	if d.next() != '"' {
		return d.invalid()
	}
	var ok bool
	if d.Key, ok = d.quoted(); !ok {
		return false
	}
	if d.next() != ':' {
		return d.invalid()
	}
	d.at++
	return true
}

// Once refuses a repeated property. given has the bits of the properties so far.
func (d *Decoder) Once(given *uint64, bit uint64) bool {
	if *given&bit != 0 {
		return d.duplicate()
	}
	*given |= bit
	return true
}

func (d *Decoder) duplicate() bool {
	return d.Refuse(openapi.DuplicateKey, "key "+strconv.Quote(d.Key)+" is given twice")
}

// Complete ends an object. It refuses one without a required property; the bits of the required
// properties in given are the lowest, in the order of the names.
func (d *Decoder) Complete(given uint64, required ...string) bool {
	if d.refused != nil {
		return false
	}
	for i, name := range required {
		if given&(1<<i) == 0 {
			d.Refuse("", "property "+strconv.Quote(name)+" is missing")
			return d.In(name)
		}
	}
	return true
}

// Keys are the keys of an object that the document does not know. The zero value is empty.
type Keys map[string]bool

// Unknown skips a property that the document does not know. It refuses a repeated one, and one that
// differs from a known key only in case.
func (d *Decoder) Unknown(before *Keys, known []string) bool {
	key := d.Key
	if (*before)[key] {
		return d.duplicate()
	}
	if *before == nil {
		*before = Keys{}
	}
	(*before)[key] = true
	for _, name := range known {
		if strings.EqualFold(name, key) {
			return d.Refuse(openapi.CaseVariantKey, "key "+strconv.Quote(key)+" must be written "+strconv.Quote(name))
		}
	}
	return d.skip() || d.In(key)
}

// Bounds limit the length of an array; Most < 0 is no limit.
type Bounds struct{ Least, Most int }

// List decodes an array; each decodes an item.
func List[T any](d *Decoder, to *[]T, b Bounds, each func(*Decoder, *T) bool) bool {
	if !d.open('[', "array") {
		return false
	}
	items := make([]T, 0, max(b.Least, 1))
	for d.more(']') {
		items = append(items, *new(T))
		if i := len(items) - 1; !each(d, &items[i]) {
			return d.In(strconv.Itoa(i))
		}
	}
	*to = items
	switch n := len(items); {
	case d.refused != nil:
		return false
	case n < b.Least:
		return d.Refuse("", "minimum number of items is "+strconv.Itoa(b.Least))
	case b.Most >= 0 && n > b.Most:
		return d.Refuse("", "maximum number of items is "+strconv.Itoa(b.Most))
	}
	return true
}

// wrongType skips a value and refuses it for its type, unless it is not JSON at all.
func (d *Decoder) wrongType(reason string) bool {
	null := d.next() == 'n'
	if !d.skip() {
		return false
	}
	if null {
		reason = "Value is not nullable"
	}
	return d.Refuse("", reason)
}

// word skips a literal of JSON if it comes next.
func (d *Decoder) word(word string) bool {
	d.next()
	if !strings.HasPrefix(d.text[d.at:], word) {
		return false
	}
	d.at += len(word)
	return true
}

// Bool decodes a boolean.
func (d *Decoder) Bool(to *bool) bool {
	*to = d.word("true")
	return *to || d.word("false") || d.wrongType("value must be a boolean")
}

// Number decodes an integer.
func Number[T ~int | ~int64](d *Decoder, to *T) bool {
	if c := d.next(); c != '-' && (c < '0' || c > '9') {
		return d.wrongType("value must be an integer")
	}
	begin := d.at
	if !d.number() {
		return false
	}
	n, err := strconv.ParseInt(d.text[begin:d.at], 10, 64)
	if err != nil {
		return d.Refuse("", "value must be an integer; whole numbers are written without point and exponent")
	}
	*to = T(n)
	return true
}

// String decodes a string and checks its length; most < 0 is no limit.
func String[T ~string](d *Decoder, to *T, least, most int) bool {
	if d.next() != '"' {
		return d.wrongType("value must be a string")
	}
	text, ok := d.value()
	if !ok {
		return false
	}
	*to = T(text)
	reason := checkLength(text, least, most)
	return reason == "" || d.Refuse("", reason)
}

// Time decodes a time whose text matches a pattern.
func Time(d *Decoder, to *time.Time, pattern *regexp.Regexp) bool {
	var text string
	return String(d, &text, 0, -1) &&
		(pattern.MatchString(text) && to.UnmarshalText([]byte(text)) == nil || d.Refuse("", "not a valid date-time"))
}

// Pointer decodes a value that a pointer points to.
func Pointer[T any](d *Decoder, to **T, each func(*Decoder, *T) bool) bool {
	*to = new(T)
	return each(d, *to)
}

// Nullable decodes a value that may be null. N is a nullable.Nullable: a map from true to the
// value, or from false for null.
func Nullable[N ~map[bool]T, T any](d *Decoder, to *N, each func(*Decoder, *T) bool) bool {
	var value T
	given := !d.word("null")
	if given && !each(d, &value) {
		return false
	}
	*to = N{given: value}
	return true
}
