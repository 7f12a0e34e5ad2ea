package server_test

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qcsdev/qcs/client"
	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/servertest"
)

const policies = "/csapi/v1.3/runtime/policies"

// policy is a body with one network rule.
func policy(address string) string {
	return `{"policyMode":"ACTIVE","defaultNetworkAction":"DENY","defaultExecuteAction":"ALLOW","defaultFileAction":"ALLOW","rules":[{"name":"a","ruleType":"NETWORK_OUTBOUND","ipAddress":"` + address + `"}]}`
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	c := srv.Client()
	body := api.PolicyRequest{
		Name: "no outside calls", PolicyMode: api.PolicyModeACTIVE, DefaultNetworkAction: api.PolicyActionDENY, DefaultExecuteAction: api.PolicyActionALLOW, DefaultFileAction: api.PolicyActionALLOW,
		IgnoredSyscalls: []string{"sys_read", "sys_write"},
		Rules: []api.PolicyRule{
			{Name: "database", RuleType: api.PolicyRuleRuleTypeNETWORKOUTBOUND, IPAddress: "10.0.0.0/8", Port: new(0), Program: "*", Action: api.PolicyActionALLOW},
			{Name: "hosts", RuleType: api.PolicyRuleRuleTypeREAD, File: "/etc/hosts", Program: "/bin/cat", Action: api.PolicyActionDENY, Inactive: new(false)},
		},
	}
	made, err := c.CreatePolicy(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9a-f]{24}$`).MatchString(made.ID) || len(made.Rules) != 2 || made.Rules[0].ID == "" || !made.Created.Equal(servertest.Start) || *made.Rules[0].Port != 0 || *made.Rules[1].Inactive {
		t.Errorf("got %+v", made)
	}
	got, err := c.DescribePolicy(t.Context(), made.ID)
	if diff := cmp.Diff(made, got); err != nil || diff != "" {
		t.Errorf("%v (-created +read):\n%s", err, diff)
	}
	srv.Advance(time.Hour)
	body.PolicyMode = api.PolicyModePERMISSIVE
	body.Rules = append(made.Rules[:1:1], api.PolicyRule{Name: "new", RuleType: api.PolicyRuleRuleTypeSYSCALL, Syscall: "sys_open"})
	changed, err := c.UpdatePolicy(t.Context(), made.ID, body)
	if err != nil || changed.PolicyMode != api.PolicyModePERMISSIVE || !changed.Created.Equal(made.Created) || !changed.Updated.Equal(srv.Now()) {
		t.Errorf("got %+v, %v", changed, err)
	}
	if changed.Rules[0].ID != made.Rules[0].ID || !changed.Rules[0].Created.Equal(made.Created) || changed.Rules[1].ID == made.Rules[1].ID || !changed.Rules[1].Created.Equal(srv.Now()) {
		t.Errorf("got rules %+v, want the first unchanged and the second new", changed.Rules)
	}
	if _, err := c.DescribePolicy(t.Context(), "5eba6fef2c79c40001e23488"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if _, err := c.UpdatePolicy(t.Context(), "5eba6fef2c79c40001e23488", body); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	send(t, srv, request{method: http.MethodPut, target: policies + "/" + made.ID, contentType: "text/plain;charset=UTF-8", body: policy("*")}).want(t, http.StatusOK)
	send(t, srv, request{method: http.MethodPost, target: policies, contentType: "text/plain", body: policy("*")}).refused(t, http.StatusUnsupportedMediaType, "application/json")
}

// TestInvalidAddress checks that the response is the one of release notes 1.12.
func TestInvalidAddress(t *testing.T) {
	t.Parallel()
	srv := newServer(t, servertest.WithoutRunner())
	const want = `{"Code":10400,"Message":"Bad request","MessageInfo":"For API definition see: ","Status":400,"Error":"Invalid json"}`
	for _, address := range []string{"300.1.1.1", "10.0.0.0/33", "host.example.com", "10.0.0", "", "fe80::1%eth0", "1.1.1.1-2.2.2.2", "::/200"} {
		got := post(t, srv, policies, policy(address))
		if body := got.want(t, http.StatusBadRequest); body != want {
			t.Errorf("%q: got %s, want %s", address, body, want)
		}
		if detail := got.header.Get("X-QCS-Detail"); !strings.Contains(detail, "/rules/0/ipAddress") {
			t.Errorf("%q: got detail %q", address, detail)
		}
	}
	for _, address := range []string{"10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "*"} {
		post(t, srv, policies, policy(address)).want(t, http.StatusOK)
	}
	post(t, srv, policies, strings.Replace(policy("*"), `"ipAddress":"*"`, `"port":1`, 1)).want(t, http.StatusBadRequest)
	for _, broken := range []string{`{}`, strings.Replace(policy("*"), "ACTIVE", "active", 1), strings.Replace(policy("*"), "NETWORK_OUTBOUND", "NETWORK", 1), strings.Replace(policy("*"), `"rules"`, `"ignoredSyscalls":"sys_read","rules"`, 1)} {
		post(t, srv, policies, broken).refused(t, http.StatusBadRequest, "rule document")
	}
}
