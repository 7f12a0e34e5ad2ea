package bind

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/qcsdev/qcs/openapi"
)

// maxNesting bounds the depth of a body.
const maxNesting = 64

// Decoder reads a JSON text into the types of the document, and holds it to its schemas on the way.
// Each of its methods reports whether it went well; after a fault nothing more is to be read.
type Decoder struct {
	Key string // of the property that was read last

	text    string
	at      int
	depth   int  // containers around the value
	first   bool // no item of the container that is open has been read
	refused *openapi.RequestError
}

// NewDecoder gives a decoder of a text.
func NewDecoder(text string) Decoder { return Decoder{text: text} }

// Refused gives the fault.
func (d *Decoder) Refused() *openapi.RequestError { return d.refused }

// Refuse refuses the value that was read last.
func (d *Decoder) Refuse(rule, reason string) bool {
	d.refused = cmp.Or(d.refused, openapi.Refuse(rule, "body", reason))
	return false
}

func (d *Decoder) broken() bool {
	d.refused = &openapi.RequestError{Status: http.StatusBadRequest, Where: "body", Reason: "not valid JSON"}
	return false
}

// In says of a fault that it is below a property.
func (d *Decoder) In(key string) bool {
	if d.refused.Reason != "not valid JSON" {
		d.refused.Where = "body at /" + key + strings.TrimPrefix(strings.TrimPrefix(d.refused.Where, "body"), " at ")
	}
	return false
}

// At says of a fault that it is below an item.
func (d *Decoder) At(i int) bool { return d.In(strconv.Itoa(i)) }

// End refuses what follows the value.
func (d *Decoder) End() bool {
	d.next()
	return d.at == len(d.text) || d.Refuse(openapi.TrailingBytes, "has bytes after the JSON value")
}

// next moves over white space and gives the first byte of what comes; 0 at the end.
func (d *Decoder) next() byte {
	for ; d.at < len(d.text); d.at++ {
		if c := d.text[d.at]; c > ' ' || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
	}
	return 0
}

// open begins a container; the value is refused when it is something else.
func (d *Decoder) open(with byte, kind string) bool {
	if d.next() != with {
		return d.Mismatch("value must be an " + kind)
	}
	if d.depth > maxNesting {
		return d.Refuse("", "nested more than 64 deep")
	}
	d.at++
	d.depth++
	d.first = true
	return true
}

// more reports whether the container that is open holds another item; after a fault it does not.
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
		d.broken()
	}
	return false
}

// Object begins an object.
func (d *Decoder) Object() bool { return d.open('{', "object") }

// Property reads the next key of the object.
func (d *Decoder) Property() bool {
	if !d.more('}') {
		return false
	}
	if d.next() != '"' {
		return d.broken()
	}
	var ok bool
	if d.Key, ok = d.quoted(); !ok {
		return false
	}
	if d.next() != ':' {
		return d.broken()
	}
	d.at++
	return true
}

// Once refuses a property that was given before; bits are those that were given.
func (d *Decoder) Once(bits *uint64, bit uint64) bool {
	if *bits&bit != 0 {
		return d.duplicate()
	}
	*bits |= bit
	return true
}

func (d *Decoder) duplicate() bool {
	return d.Refuse(openapi.DuplicateKey, "key "+strconv.Quote(d.Key)+" is given twice")
}

// Done says at the end of an object whether it went well, and holds all that is required; bits are
// those that were given, of which the lowest are those of the required ones.
func (d *Decoder) Done(bits uint64, required ...string) bool {
	if d.refused != nil {
		return false
	}
	for i, name := range required {
		if bits&(1<<i) == 0 {
			d.Refuse("", "property "+strconv.Quote(name)+" is missing")
			return d.In(name)
		}
	}
	return true
}

// Keys are those of an object that the document does not know. There are none before the first is
// added.
type Keys map[string]bool

// Unknown reads over a property that the document does not know. It is refused when it was given
// before, or differs from a known one by case only.
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

// Bounds are those of the length of an array; Most < 0 is none.
type Bounds struct{ Least, Most int }

// List reads an array, each item by a function.
func List[T any](d *Decoder, into *[]T, b Bounds, each func(*Decoder, *T) bool) bool {
	if !d.open('[', "array") {
		return false
	}
	items := make([]T, 0, max(b.Least, 1))
	for d.more(']') {
		items = append(items, *new(T))
		if i := len(items) - 1; !each(d, &items[i]) {
			return d.At(i)
		}
	}
	*into = items
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

// Mismatch refuses a value for its kind, after reading it: what is no JSON is refused as that.
func (d *Decoder) Mismatch(reason string) bool {
	null := d.next() == 'n'
	if !d.skip() {
		return false
	}
	if null {
		reason = "Value is not nullable"
	}
	return d.Refuse("", reason)
}

// Null reads null, if that is what comes.
func (d *Decoder) Null() bool {
	d.next()
	return d.word("null")
}

func (d *Decoder) word(word string) bool {
	if !strings.HasPrefix(d.text[d.at:], word) {
		return false
	}
	d.at += len(word)
	return true
}

// Bool reads a truth value.
func (d *Decoder) Bool(into *bool) bool {
	d.next()
	*into = d.word("true")
	return *into || d.word("false") || d.Mismatch("value must be a boolean")
}

// Number reads a whole number.
func Number[T ~int | ~int64](d *Decoder, into *T) bool {
	if c := d.next(); c != '-' && (c < '0' || c > '9') {
		return d.Mismatch("value must be an integer")
	}
	begin := d.at
	if !d.number() {
		return false
	}
	n, err := strconv.ParseInt(d.text[begin:d.at], 10, 64)
	if err != nil {
		return d.Refuse("", "value must be an integer; whole numbers are written without point and exponent")
	}
	*into = T(n)
	return true
}

// String reads a text and holds it to its bounds; most < 0 is none.
func String[T ~string](d *Decoder, into *T, least, most int) bool {
	if d.next() != '"' {
		return d.Mismatch("value must be a string")
	}
	text, ok := d.value()
	if !ok {
		return false
	}
	if reason := Fits(text, least, most); reason != "" {
		return d.Refuse("", reason)
	}
	*into = T(text)
	return true
}

// Time reads a time, whose text matches the pattern of one.
func Time(d *Decoder, into *time.Time, matches func(string) bool) bool {
	var text string
	return String(d, &text, 0, -1) &&
		(matches(text) && into.UnmarshalText([]byte(text)) == nil || d.Refuse("", "not a valid date-time"))
}

// Pointer reads what a pointer is to point to.
func Pointer[T any](d *Decoder, into **T, each func(*Decoder, *T) bool) bool {
	*into = new(T)
	return each(d, *into)
}

// Nullable reads what may be null.
func Nullable[T any](d *Decoder, into *nullable.Nullable[T], each func(*Decoder, *T) bool) bool {
	if d.Null() {
		into.SetNull()
		return true
	}
	var value T
	if !each(d, &value) {
		return false
	}
	into.Set(value)
	return true
}
