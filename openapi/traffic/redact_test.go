package traffic_test

import (
	"testing"

	"github.com/qcsdev/qcs/openapi/traffic"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	const form, plain = "application/x-www-form-urlencoded; charset=utf-8", "application/json"
	for _, tt := range []struct{ kind, body, want string }{
		{plain, "", ""},
		{plain, `{"registryUri": "x", "n": 12345678901234567890}`, `{"registryUri": "x", "n": 12345678901234567890}`},
		{plain, `{"credential": {"username": "u", "Password": "p"}, "n": 12345678901234567890}`, `{"credential":{"Password":"***","username":"u"},"n":12345678901234567890}`},
		{plain, `[{"clientSecret": {"a": 1}}, {"accessToken": 7}, {"token": "a.b.c"}]`, `[{"clientSecret":"***"},{"accessToken":"***"},{"token":"***"}]`},
		{plain, `{"password": "", "token": null}`, `{"password":"","token":null}`},
		{plain, `{"password": "s", "password": ""}`, `{"password":""}`},
		{plain, `{"paſſword": "s", "client_secret": "s", "Access-Token": "s"}`, `{"Access-Token":"***","client_secret":"***","paſſword":"***"}`},
		{plain, `{"pass\u0077ord": "s"} x`, "***"},
		{plain, `{"pass\u0077ord": "s"}`, `{"password":"***"}`},
		{form, `{"username":"u","password":"s"}`, "***"},
		{form, "Password=s&username=u", "Password=***&username=u"},
		{form, "username=u", "username=u"},
		{"Multipart/form-data", "a key", "(a file)"},
		{plain, `{} {"password": "p"}`, "***"},
		{plain, `{"PASSWORD": "p`, "***"},
		{plain, `{"repo": `, `{"repo": `},
		{form, "username=u&password=p%25%26", "password=***&username=u"},
		{form, "password=%zz", "***"},
		{"multipart/form-data; boundary=b", "--b", "(a file)"},
		{"multipart/form-data", "", ""},
		{"multipart/form-data", "x", "(a file)"},
		{
			"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{\"type\": \"t\", \"private_key\": \"s\", \"more\": 1}\r\n--b--\r\n",
			"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{\"more\":\"***\",\"private_key\":\"***\",\"type\":\"t\"}\r\n--b--\r\n",
		},
		{"multipart/form-data; boundary=b", "--b\r\nA: b\r\n\r\n-----BEGIN PRIVATE KEY\r\n--b--\r\n", "--b\r\nA: b\r\n\r\n***\r\n--b--\r\n"},
	} {
		if got := traffic.Redact(tt.kind, tt.body); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.body, got, tt.want)
		}
	}
}
