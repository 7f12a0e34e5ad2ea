package traffic

import (
	"net/http"
	"strings"
)

// Request is a request for a curl line. The values are shown as they are: redact them first.
type Request struct {
	Options string // the first arguments of curl, such as -sS
	Method  string
	Auth    string // the arguments for the credentials, which come after the method; "" for none
	// ContentType and Body are the body. Without one of them, the line has none.
	ContentType, Body string
	Form              string // the argument of -F, which replaces the body
	URL               string // the shell expands variables in a URL without http, such as $API/registry
}

// KeyFile is the Form of a request that sends the key file of a service account.
const KeyFile = "serviceAccountJson=@key.json"

// Curl writes a request as a curl command for a shell.
func Curl(r Request) string {
	words := []string{"curl", r.Options}
	if r.Method != http.MethodGet {
		words = append(words, "-X", r.Method)
	}
	if r.Auth != "" {
		words = append(words, r.Auth)
	}
	switch {
	case r.Form != "":
		words = append(words, "-F", r.Form)
	case r.Body != "" && r.ContentType != "":
		words = append(words, "-H", quote("Content-Type: "+r.ContentType), "--data", quote(r.Body))
	}
	address := quote(r.URL)
	if !strings.HasPrefix(r.URL, "http") {
		address = `"` + r.URL + `"`
	}
	return strings.Join(append(words, address), " ")
}

// quote makes a text one word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
