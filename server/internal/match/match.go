// Package match compares a call with conditions, for faults and for expectations about the journal.
package match

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/openapi/suggest"
	"github.com/qcsdev/qcs/server/internal/rule"
)

// Pattern has the conditions on a call, which must meet all that are given.
type Pattern struct {
	Operation string // with * for any text; any when empty
	User      string // any when empty
	Call      control.CallMatch
}

// Call is a call that may match.
type Call struct {
	Operation, User string
	Method          string
	Path            string // decoded
	Query           string // as it was sent
	Body            string
	Header          func(name string) string

	values url.Values      // of the query, once they are needed
	texts  map[string]bool // in the path, the query and the body, once they are needed
}

// NeedsBody reports whether the conditions depend on the body of a call.
func (p Pattern) NeedsBody() bool { return p.Call.Body != "" || len(p.Call.IDs) > 0 }

// Matches reports whether a call meets all conditions.
func (p Pattern) Matches(c *Call) bool { return len(p.Differs(c)) == 0 }

// Differs lists the conditions that a call does not meet, such as operation or query.pageSize.
func (p Pattern) Differs(c *Call) (all []string) {
	check := func(condition string, met bool) {
		if !met {
			all = append(all, condition)
		}
	}
	check("operation", p.Operation == "" || qql.Glob(p.Operation, c.Operation))
	check("user", p.User == "" || p.User == c.User)
	check("method", p.Call.Method == "" || strings.EqualFold(p.Call.Method, c.Method))
	check("path", p.Call.Path == "" || qql.Glob(p.Call.Path, c.Path))
	for _, id := range p.Call.IDs {
		check("ids."+id, c.contains(id))
	}
	for name, pattern := range p.Call.Query {
		check("query."+name, slices.ContainsFunc(c.query()[name], func(v string) bool { return qql.Glob(pattern, v) }))
	}
	for name, pattern := range p.Call.Headers {
		check("headers."+name, qql.Glob(pattern, c.Header(http.CanonicalHeaderKey(name))))
	}
	check("body", p.Call.Body == "" || qql.Glob(p.Call.Body, c.Body))
	slices.Sort(all)
	return all
}

func (c *Call) query() url.Values {
	if c.values == nil {
		c.values, _ = url.ParseQuery(c.Query) // an invalid pair is left out
	}
	return c.values
}

// contains reports whether a call contains an id: in the path, the query or a JSON body.
func (c *Call) contains(id string) bool {
	if c.texts == nil {
		c.texts = map[string]bool{}
		for segment := range strings.SplitSeq(c.Path, "/") {
			c.texts[segment] = true
		}
		for _, values := range c.query() {
			for _, value := range values {
				for part := range strings.SplitSeq(value, ",") {
					c.texts[part] = true
				}
			}
		}
		var body any
		if json.Unmarshal([]byte(c.Body), &body) == nil {
			addTexts(c.texts, body)
		}
	}
	return c.texts[id]
}

func addTexts(texts map[string]bool, value any) {
	switch value := value.(type) {
	case string:
		texts[value] = true
	case []any:
		for _, item := range value {
			addTexts(texts, item)
		}
	case map[string]any:
		for _, item := range value {
			addTexts(texts, item)
		}
	}
}

// Check refuses a pattern that no call can match: of an operation that the document does not have,
// or of a user that the world does not have.
func (p Pattern) Check(users []string) error {
	operations, err := operations()
	if err != nil {
		return err
	}
	isOperation := func(name string) bool { return qql.Glob(p.Operation, name) }
	if p.Operation != "" && !slices.ContainsFunc(operations, isOperation) {
		hint := suggest.DidYouMean(p.Operation, operations...)
		return rule.Errorf("", "There is no operation %q%s.", p.Operation, hint)
	}
	if p.User != "" && !slices.Contains(users, p.User) {
		return rule.Errorf("", "The world has no user %q%s.", p.User, suggest.DidYouMean(p.User, users...))
	}
	return nil
}

// operations lists the ids of the operations of the vendor's API.
func operations() (ids []string, err error) {
	document, err := contract.VendorDocument()
	if err != nil {
		return nil, err
	}
	for _, o := range document.Operations() {
		ids = append(ids, o.ID)
	}
	return ids, nil
}
