package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/suggest"
)

// maxNesting is the greatest depth of a body.
const maxNesting = 64

// keyWalker reads a JSON text token by token and compares it with its schema. It finds what a
// decoder hides: keys that are given twice or in another case, bytes after the value, NUL
// characters.
type keyWalker struct {
	lenient bool // accepts all of these but NUL characters
	closed  bool // refuses keys that the schema does not have
	decoder *json.Decoder
	path    []string // to the current value
}

func (w *keyWalker) check(data []byte, schema *openapi3.Schema) error {
	if !utf8.Valid(data) {
		return refuse("", "body", "not valid UTF-8")
	}
	w.decoder = json.NewDecoder(bytes.NewReader(data))
	w.decoder.UseNumber()
	if err := w.value(schema); err != nil {
		var refused *RequestError
		if errors.As(err, &refused) {
			return err
		}
		return refuse("", "body", "not valid JSON")
	}
	if _, err := w.decoder.Token(); !errors.Is(err, io.EOF) && !w.lenient {
		return refuse(openapi.TrailingBytes, "body", "has bytes after the JSON value")
	}
	return nil
}

func (w *keyWalker) fail(rule, reason string) error {
	where := "body"
	if len(w.path) > 0 {
		where += " at /" + strings.Join(w.path, "/")
	}
	return refuse(rule, where, reason)
}

func (w *keyWalker) value(schema *openapi3.Schema) error {
	if len(w.path) > maxNesting {
		return w.fail("", fmt.Sprintf("nested more than %d deep", maxNesting))
	}
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case string:
		if strings.ContainsRune(t, 0) {
			return w.fail(openapi.NULByte, "holds a NUL character")
		}
	case json.Delim:
		if t == '[' {
			return w.array(schema)
		}
		return w.object(schema)
	}
	return nil
}

// inner checks a value inside the current one.
func (w *keyWalker) inner(segment string, schema *openapi3.Schema) error {
	w.path = append(w.path, segment)
	defer func() { w.path = w.path[:len(w.path)-1] }()
	return w.value(schema)
}

func (w *keyWalker) array(schema *openapi3.Schema) error {
	items := itemsOf(schema)
	for i := 0; w.decoder.More(); i++ {
		if err := w.inner(fmt.Sprint(i), items); err != nil {
			return err
		}
	}
	_, err := w.decoder.Token()
	return err
}

func (w *keyWalker) object(schema *openapi3.Schema) error {
	known := map[string]*openapi3.Schema{}
	open := properties(schema, known)
	closed := w.closed && !open || isClosed(schema)
	given := map[string]bool{}
	for w.decoder.More() {
		token, err := w.decoder.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		if err := w.key(key, known, given, closed); err != nil {
			return err
		}
		given[key] = true
		if err := w.inner(key, known[key]); err != nil {
			return err
		}
	}
	_, err := w.decoder.Token()
	return err
}

func (w *keyWalker) key(key string, known map[string]*openapi3.Schema, given map[string]bool, closed bool) error {
	if w.lenient {
		return nil
	}
	if given[key] {
		return w.fail(openapi.DuplicateKey, fmt.Sprintf("key %q is given twice", key))
	}
	if _, ok := known[key]; ok {
		return nil
	}
	if name, ok := caseVariant(key, known); ok {
		return w.fail(openapi.CaseVariantKey, fmt.Sprintf("key %q must be written %q", key, name))
	}
	if closed {
		hint := suggest.DidYouMean(key, slices.Collect(maps.Keys(known))...)
		return w.fail("", fmt.Sprintf("key %q is not declared%s", key, hint))
	}
	return nil
}

// isClosed reports whether a schema refuses other properties than its own.
func isClosed(schema *openapi3.Schema) bool {
	return schema != nil && schema.AdditionalProperties.Has != nil && !*schema.AdditionalProperties.Has
}

// withoutVariants returns a JSON text without the keys that differ only by case from a key of the
// schema. A lenient server ignores such a key; encoding/json would take it for the key of the
// schema.
func withoutVariants(data []byte, schema *openapi3.Schema) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if !removeVariants(value, schema) {
		return data, nil
	}
	return json.Marshal(value)
}

// removeVariants removes the keys from a value, and reports whether it had any.
func removeVariants(value any, schema *openapi3.Schema) (removed bool) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			removed = removeVariants(item, itemsOf(schema)) || removed
		}
	case map[string]any:
		known := map[string]*openapi3.Schema{}
		properties(schema, known)
		before := len(value)
		maps.DeleteFunc(value, func(key string, _ any) bool {
			_, isKnown := known[key]
			_, isVariant := caseVariant(key, known)
			return !isKnown && isVariant
		})
		removed = len(value) < before
		for key, item := range value {
			removed = removeVariants(item, known[key]) || removed
		}
	}
	return removed
}

// caseVariant returns the known key from which a key differs only by case, if any.
func caseVariant(key string, known map[string]*openapi3.Schema) (name string, ok bool) {
	for name := range known {
		if strings.EqualFold(name, key) {
			return name, true
		}
	}
	return "", false
}

// properties adds the properties of a schema and of all its alternatives to into. It reports
// whether the schema declares that it allows other properties.
func properties(schema *openapi3.Schema, into map[string]*openapi3.Schema) (open bool) {
	if schema == nil {
		return true
	}
	for name, ref := range schema.Properties {
		into[name] = ref.Value
	}
	open = schema.AdditionalProperties.Schema != nil ||
		schema.AdditionalProperties.Has != nil && *schema.AdditionalProperties.Has
	for _, refs := range []openapi3.SchemaRefs{schema.OneOf, schema.AnyOf, schema.AllOf} {
		for _, ref := range refs {
			open = properties(ref.Value, into) || open
		}
	}
	return open
}

// itemsOf returns the schema of the items of an array, which may be one of several alternatives.
func itemsOf(schema *openapi3.Schema) *openapi3.Schema {
	if schema == nil {
		return nil
	}
	if schema.Items != nil {
		return schema.Items.Value
	}
	for _, ref := range schema.OneOf {
		if items := itemsOf(ref.Value); items != nil {
			return items
		}
	}
	return nil
}
