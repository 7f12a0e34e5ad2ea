package traffic_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/traffic"
)

// TestNamesOfSecrets checks names of fields, parameters and headers in their usual spellings.
func TestNamesOfSecrets(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"password", "Password", "passwd", "userPassword", "X-Passwd", "passphrase", "clientSecret", "client_secret", "secretKey", "secret-key", "secretAccessKey",
		"apiKey", "X-Api-Key", "X-ApiKey", "accessKey", "X-Access-Key", "access_token", "refreshToken", "id_token", "token", "authToken", "X-Auth-Token", "csrfToken",
		"authenticationKey", "private_key", "private_key_id", "privateKey", "Ocp-Apim-Subscription-Key", "X-Amz-Signature", "X-Session", "sessionId", "JSESSIONID",
		"Cookie", "Set-Cookie", "Authorization", "Proxy-Authorization", "pwd", "paſſword", "toKen", "toKen", "jwt",
	} {
		if !traffic.SecretHeader(name) {
			t.Errorf("%s is not secret", name)
		}
		if got := traffic.Redact("application/json", `{"`+name+`":"s3cr3t"}`); strings.Contains(got, "s3cr3t") {
			t.Errorf("a body: got %s", got)
		}
		if got := traffic.RedactQuery("a=b&" + name + "=s3cr3t"); strings.Contains(got, "s3cr3t") {
			t.Errorf("a query: got %s", got)
		}
	}
	for _, name := range []string{"tokens", "credentialType", "author", "authority", "compass", "key", "Content-Type", "X-RateLimit-Limit", "registryUuid", "passed", "keyboard"} {
		if traffic.SecretHeader(name) {
			t.Errorf("%s is secret", name)
		}
	}
}

// TestSecretsOfTheDocuments lists the fields of the documents whose values are hidden: the vendor's and ours.
func TestSecretsOfTheDocuments(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, text := range [][]byte{openapi.JSON, openapi.ControlJSON} {
		var document any
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		collect(document, names)
	}
	var secret []string
	for name := range names {
		if traffic.SecretHeader(name) {
			secret = append(secret, name)
		}
	}
	slices.Sort(secret)
	if want := []string{"accessToken", "clientSecret", "password", "token"}; !slices.Equal(secret, want) {
		t.Errorf("got %q, want %q", secret, want)
	}
}

// collect collects the names of the properties of all schemas.
func collect(value any, names map[string]bool) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			collect(item, names)
		}
	case map[string]any:
		for key, item := range value {
			if properties, ok := item.(map[string]any); ok && key == "properties" {
				for name := range properties {
					names[name] = true
				}
			}
			collect(item, names)
		}
	}
}

// TestSecretsOutsideOfNames checks user names in URLs, and the query of a Referer.
func TestSecretsOutsideOfNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, got, want string }{
		{"a body", traffic.Redact("application/json", `{"registryUri":"https://joe:s3cr3t@r.example.com/a@b"}`), `{"registryUri":"https://***@r.example.com/a@b"}`},
		{"a text", traffic.Redact("text/plain", `see http://joe@r.example.com`), `see http://***@r.example.com`},
		{"a query", traffic.RedactQuery("u=https%3A%2F%2Fjoe%3As3cr3t%40r&n=a@b"), "u=https%3A%2F%2F***%40r&n=a@b"},
		{"a header", traffic.RedactHeader("X-Target", "https://joe:s3cr3t@r"), "https://***@r"},
		{"a referer", traffic.RedactHeader("Referer", "https://r/x?access_token=s3cr3t&a=b"), "https://r/x?access_token=***&a=b"},
		{"a body as a name", traffic.RedactQuery(`{"password":"s3cr3t"}`), "***"},
		{"a path with an at sign", traffic.RedactHeader("X-Target", "https://r/a@b"), "https://r/a@b"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

// BenchmarkRedactHeader measures a header that is neither common nor secret, and a query.
func BenchmarkRedactHeader(b *testing.B) {
	b.Run("header", func(b *testing.B) {
		for b.Loop() {
			traffic.RedactHeader("X-Forwarded-For", "192.0.2.1")
		}
	})
	b.Run("body", func(b *testing.B) {
		const body = `{"registryType":"AWS","registryUri":"https://123456789012.dkr.ecr.us-east-1.amazonaws.com","credentialType":"AWS","aws":{"accountId":"123456789012","region":"us-east-1","arn":"arn:aws:iam::123456789012:role/r"}}`
		for b.Loop() {
			traffic.Redact("application/json", body)
		}
	})
	b.Run("query", func(b *testing.B) {
		for b.Loop() {
			traffic.RedactQuery("pageNumber=3&pageSize=50&sort=created:desc")
		}
	})
}
