package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/traffic"
)

// Evidence is the x-evidence of an operation: how certain its calls, answer and refusals are.
type Evidence struct {
	Calls    openapi.Class `json:"calls"`
	Answer   openapi.Class `json:"answer"`
	Refusals openapi.Class `json:"refusals"`
	Source   string        `json:"source"`
}

// Evidence returns the x-evidence of an operation; the zero value if the document has none.
func (o *Operation) Evidence() Evidence { return o.evidence }

// Statuses lists the declared statuses of an operation, in order.
func (o *Operation) Statuses() []string {
	return slices.Sorted(maps.Keys(o.detail().route.Operation.Responses.Map()))
}

// Call is an example of a request.
type Call struct {
	Method, Target    string
	ContentType, Body string
}

// Example returns an example call of an operation. It is made of the examples of the path
// parameters, of the required query parameters and those that are lists, and of the body.
func (o *Operation) Example() Call {
	c := Call{Method: o.Method, Target: o.Path}
	query := url.Values{}
	for _, ref := range slices.Concat(o.detail().route.PathItem.Parameters, o.detail().route.Operation.Parameters) {
		list, isList := ref.Value.Example.([]any)
		switch {
		case ref.Value.In == openapi3.ParameterInPath:
			value := url.PathEscape(fmt.Sprint(ref.Value.Example))
			c.Target = strings.ReplaceAll(c.Target, "{"+ref.Value.Name+"}", value)
		case isList:
			query.Set(ref.Value.Name, fmt.Sprint(list[0]))
		case ref.Value.Required:
			query.Set(ref.Value.Name, fmt.Sprint(ref.Value.Example))
		}
	}
	if len(query) > 0 {
		c.Target += "?" + query.Encode()
	}
	if body := o.detail().route.Operation.RequestBody; body != nil && (body.Value.Required || len(query) == 0) {
		kind := slices.Sorted(maps.Keys(body.Value.Content))[0]
		c.ContentType = kind
		if value := firstExample(body.Value.Content[kind]); value != nil {
			c.ContentType, c.Body = encode(kind, value)
		}
	}
	return c
}

func firstExample(media *openapi3.MediaType) any {
	if media.Example != nil || len(media.Examples) == 0 {
		return media.Example
	}
	return media.Examples[slices.Sorted(maps.Keys(media.Examples))[0]].Value.Value
}

// boundary separates the parts of a multipart example.
const boundary = "qcs-example"

// encode encodes an example as a body of a content type.
func encode(kind string, value any) (contentType, body string) {
	fields, _ := value.(map[string]any)
	switch kind {
	case "application/x-www-form-urlencoded":
		form := url.Values{}
		for name, v := range fields {
			form.Set(name, fmt.Sprint(v))
		}
		return kind, form.Encode()
	case "multipart/form-data":
		var text strings.Builder
		w := multipart.NewWriter(&text)
		_ = w.SetBoundary(boundary) // cannot fail, as writing to a strings.Builder
		for name, v := range fields {
			part, _ := w.CreateFormFile(name, name+".json")
			_, _ = fmt.Fprint(part, v)
		}
		_ = w.Close()
		return w.FormDataContentType(), text.String()
	}
	data, _ := json.Marshal(value) // cannot fail: the value was read from JSON
	return kind, string(data)
}

// Curl writes a call as a curl command, with $API for the gateway and /csapi/v1.3, and $AUTH for
// the header with the token.
func (c Call) Curl() string {
	r := traffic.Request{
		Options:     `-i -H "$AUTH"`,
		Method:      c.Method,
		ContentType: c.ContentType,
		Body:        c.Body,
		URL:         strings.Replace(c.Target, "/csapi/v1.3", "$API", 1),
	}
	if strings.HasPrefix(c.ContentType, "multipart/") {
		r.Form = traffic.KeyFile
	}
	return traffic.Curl(r)
}
