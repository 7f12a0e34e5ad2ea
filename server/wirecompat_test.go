package server_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/qcsdev/qcs/openapi/contract"
	"github.com/qcsdev/qcs/server"
	"github.com/qcsdev/qcs/server/servertest"
)

// TestPublicIntegrations checks what public integrations send and what they require, one point each. If
// there is a setting, its default is tested first.
func TestPublicIntegrations(t *testing.T) {
	t.Parallel()
	const file = "application/json"
	start := func(t *testing.T, change ...func(*server.Options)) *servertest.Server {
		return newServer(t, servertest.WithSeed("release-notes"), servertest.WithoutRunner(), servertest.WithOptions(func(o *server.Options) {
			for _, f := range change {
				f(o)
			}
		}))
	}
	schedules := base + "/" + sampleRegistry + "/schedule"
	for name, check := range map[string]func(*testing.T){
		"A1 auth returns 201 and the bare token, or 200, also for passwords that need escaping": func(t *testing.T) {
			got := login(t, start(t), servertest.User, servertest.Password)
			if token := got.want(t, http.StatusCreated); !regexp.MustCompile(`^[\w.-]+$`).MatchString(token) || got.header.Get("X-RateLimit-Limit") != "" {
				t.Errorf("got %q", token)
			}
			login(t, start(t, func(o *server.Options) { o.AuthStatus = 200 }), servertest.User, servertest.Password).want(t, http.StatusOK)
			body := url.Values{"username": {servertest.User}, "password": {servertest.Password}, "token": {"true"}, "permissions": {"true"}}.Encode()
			send(t, start(t), request{method: "POST", target: "/auth", contentType: form, body: body, token: "-"}).want(t, http.StatusCreated)
		},
		"A2 creating returns 200": func(t *testing.T) {
			srv := start(t)
			post(t, srv, base, `{"registryType":"V2","registryUri":"https://a2.example.com","credentialType":"None"}`).want(t, http.StatusOK)
			post(t, srv, base+"/aws/connector", `{"arn":"arn:aws:iam::123456789012:role/r","name":"r","description":"d","externalId":"1","accountType":"Global"}`).want(t, http.StatusOK)
		},
		"A3 creating returns an object": func(t *testing.T) {
			srv := start(t)
			field(t, post(t, srv, base, `{"registryType":"V2","registryUri":"https://a3.example.com","credentialType":"None"}`).want(t, http.StatusOK), "registryUuid")
			created := post(t, srv, schedules, `{"onDemand":true,"filters":[{"repoTags":[{"repo":"a","tag":".*"}],"days":null}]}`).want(t, http.StatusOK)
			if field(t, created, "scheduleId") != field(t, created, "scheduleUuid") {
				t.Errorf("got %s", created)
			}
		},
		"A4 aws-base": func(t *testing.T) {
			if got := get(t, start(t), base+"/aws-base").want(t, http.StatusOK); !regexp.MustCompile(`^\{"accountId":"\d{12}","externalId":\d{1,10}\}$`).MatchString(got) {
				t.Errorf("got %s", got)
			}
		},
		"A5 connectors are arrays, with both names of the Azure id": func(t *testing.T) {
			srv := start(t)
			for _, kind := range []string{"aws", "acr", "gcp"} {
				if got := get(t, srv, base+"/"+kind+"/connectors").want(t, http.StatusOK); got != "[]" {
					t.Errorf("%s: got %s", kind, got)
				}
			}
			post(t, srv, base+"/acr/connector", `{"name":"n","applicationId":"a","clientSecret":"s","description":"d"}`).want(t, http.StatusOK)
			if got := get(t, srv, base+"/acr/connectors").want(t, http.StatusOK); !strings.HasPrefix(got, `[{"acrConnectorId":"`) || !strings.Contains(got, `"connectorId":"`) {
				t.Errorf("got %s", got)
			}
		},
		"A6 lists are data and count": func(t *testing.T) {
			if got := get(t, start(t), base+"?pageSize=1").want(t, http.StatusOK); !strings.HasPrefix(got, `{"count":6,"data":[{`) || !strings.Contains(got, `"registryName":`) {
				t.Errorf("got %s", got)
			}
		},
		"A7 bodies with fields that the swagger lacks": func(t *testing.T) {
			srv := start(t)
			body := `{"filters":[{"days":null,"repoTags":[{"repo":"app/x","tag":null}]}],"forceScan":true,"registryType":"ACR","name":"one/name","onDemand":true,"schedule":"00:00"}`
			post(t, srv, schedules, body).want(t, http.StatusOK)
			post(t, srv, schedules, body).want(t, http.StatusOK) // names are not unique
			post(t, srv, base, `{"aws":{"accountId":"123456789012","arn":"arn:aws:iam::123456789012:role/r","region":"us-east-1","accountType":"Global"},"credentialType":"AWS","registryType":"AWS","registryUri":"https://a7.example.com","registryName":"n"}`).want(t, http.StatusOK)
		},
		"A8 an empty object instead of no body": func(t *testing.T) {
			srv := start(t)
			send(t, srv, request{method: "DELETE", target: base + "?registryIds=x", contentType: file, body: "{}"}).want(t, http.StatusOK)
			send(t, srv, request{method: "DELETE", target: schedules + "/f677b189-8b54-46ba-9d24-624b7e98767d", contentType: file, body: "{}"}).want(t, http.StatusOK)
			send(t, srv, request{method: "POST", target: schedules + "/cancel?filter=status:Running", contentType: file, body: "{}"}).want(t, http.StatusOK)
			send(t, srv, request{method: "GET", target: schedules, contentType: file}).want(t, http.StatusOK)
			send(t, srv, request{method: "DELETE", target: schedules, contentType: file, body: `["x"]`}).want(t, http.StatusOK)
		},
		"A9 paging of both versions": func(t *testing.T) {
			srv := start(t)
			for _, size := range []string{"50", "100", "200", "1000"} {
				get(t, srv, base+"?pageNumber=1&pageSize="+size).want(t, http.StatusOK)
				get(t, srv, "/csapi/v1.1/registry?pageNo=1&pageSize="+size).want(t, http.StatusOK)
			}
		},
		"A10 trailing slashes": func(t *testing.T) {
			srv := start(t)
			send(t, srv, request{method: "DELETE", target: base + "/?registryIds=x"}).want(t, http.StatusOK)
			send(t, srv, request{method: "DELETE", target: "/csapi/v1.1/registry/" + sampleRegistry + "/schedule/", contentType: file, body: `["x"]`}).want(t, http.StatusOK)
		},
		"A11 an expired token": func(t *testing.T) {
			srv := start(t, tokensOfWorld)
			token := "Bearer " + srv.Token()
			srv.Advance(5 * time.Hour)
			if got := send(t, srv, request{method: "GET", target: base, token: token}); !strings.Contains(got.want(t, http.StatusUnauthorized), "JWT expired") {
				t.Errorf("got %s", got.body)
			}
		},
		"A12 the claims and the length of a token": func(t *testing.T) {
			token := login(t, start(t), servertest.User, servertest.Password).want(t, http.StatusCreated)
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
			if err != nil || !strings.Contains(string(payload), `"modulesAllowed":["CS"]`) || len(token) >= 1000 {
				t.Errorf("got %s of %d characters, %v", payload, len(token), err)
			}
		},
		"A13 Basic authentication": func(t *testing.T) {
			basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(servertest.User+":"+servertest.Password))
			send(t, start(t), request{method: "GET", target: base, token: basic}).want(t, http.StatusOK)
		},
		"A14 the part of a key file under both names": func(t *testing.T) {
			srv := start(t)
			postFile(t, srv, base+"/gcp/connector?name=a", "serviceAccountJson", serviceAccount).want(t, http.StatusOK)
			postFile(t, srv, base+"/gcp/connector?name=b", "file", serviceAccount).want(t, http.StatusOK)
		},
		"A15 base64 credentials of v1.1": func(t *testing.T) {
			srv := start(t)
			id := field(t, post(t, srv, "/csapi/v1.1/registry", `{"registryType":"V2","registryUri":"https://a15.example.com","credentialType":"BasicAuth","credential":{"username":"dXNlcg==","password":"cA=="}}`).want(t, http.StatusOK), "registryUuid")
			if got := get(t, srv, base+"/"+id).want(t, http.StatusOK); !strings.Contains(got, `"username":"user"`) {
				t.Errorf("got %s", got)
			}
		},
		"A16 onDemand that could not be sent": func(t *testing.T) {
			srv := start(t)
			post(t, srv, schedules, `{"name":"a16","filters":[{"repoTags":[{"repo":"a"}]}],"schedule":"07:00"}`).want(t, http.StatusOK)
			if got := get(t, srv, schedules+"?filter=name:a16").want(t, http.StatusOK); !strings.Contains(got, `"onDemand":false`) {
				t.Errorf("got %s", got)
			}
		},
		"A17 an id that is two segments": func(t *testing.T) {
			get(t, start(t), base+"/no/such").refused(t, http.StatusNotFound, "no such path")
		},
		"B a filter that is encoded twice": func(t *testing.T) {
			const twice = base + "?filter=registryUri%253A%2522https%253A%252F%252Fone.example.com%2522"
			get(t, start(t), twice).want(t, http.StatusOK)
			get(t, start(t, func(o *server.Options) { o.FilterDecoding = server.DecodeOnce }), twice).want(t, http.StatusBadRequest)
		},
		"B an empty list": func(t *testing.T) {
			if got := get(t, start(t), base+"?filter=registryName:nothing").want(t, http.StatusOK); got != `{"count":0,"data":[]}` {
				t.Errorf("got %s", got)
			}
			get(t, start(t, func(o *server.Options) { o.EmptyListStatus = 204 }), base+"?filter=registryName:nothing").want(t, http.StatusNoContent)
		},
		"B a second registry with the same address": func(t *testing.T) {
			post(t, start(t), base, `{"registryType":"V2","registryUri":"https://one.example.com","credentialType":"None"}`).refused(t, http.StatusBadRequest, "rule duplicate-uri")
		},
		"B no rate headers on the 409 of the Free version": func(t *testing.T) {
			got := get(t, start(t, func(o *server.Options) {
				o.Worlds, o.RateLimit = []server.World{{Name: "w", Plan: "Free"}}, server.RateLimit{Calls: 9}
			}), reports)
			if got.want(t, http.StatusConflict); got.header.Get("X-RateLimit-Remaining") != "" {
				t.Error("got rate headers")
			}
		},
		"B comma lists": func(t *testing.T) {
			target := schedules + "/cancel?scheduleIds=a,b"
			send(t, start(t), request{method: "POST", target: target}).refused(t, http.StatusBadRequest, "rule comma-list")
			send(t, start(t, func(o *server.Options) { o.Strictness = contract.Vendor }), request{method: "POST", target: target}).want(t, http.StatusOK)
		},
		"C images show the end of a scan": func(t *testing.T) {
			srv := start(t)
			post(t, srv, schedules, `{"onDemand":true,"filters":[{"repoTags":[{"repo":"team/new","tag":"v1"}]}]}`).want(t, http.StatusOK)
			srv.Advance(time.Minute)
			list := get(t, srv, "/csapi/v1.3/images?filter="+url.QueryEscape(`repo.repository:"team/new"`)+"&pageSize=50&pageNumber=1").want(t, http.StatusOK)
			sha := regexp.MustCompile(`"sha":"([0-9a-f]{64})"`).FindStringSubmatch(list)
			if sha == nil || !strings.Contains(list, `{"registry":"registry.example.com","repository":"team/new","tag":"v1"}`) {
				t.Fatalf("got %s", list)
			}
			for target, want := range map[string]string{"/csapi/v1.3/images/" + sha[1]: `"scanStatus":"SUCCESS"`, "/csapi/v1.3/images?filter=" + url.QueryEscape("sha:"+sha[1]+" and lastScanned: [now-300s ... now]"): `"count":1`} {
				if got := get(t, srv, target).want(t, http.StatusOK); !strings.Contains(got, want) {
					t.Errorf("%s: got %s", target, got)
				}
			}
			get(t, srv, "/csapi/v1.3/images/"+sha[1]+"/vuln?pageNumber=1&pageSize=100").want(t, http.StatusOK)
			get(t, srv, "/csapi/v1.3/images/pending").want(t, http.StatusNotFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t)
		})
	}
}
