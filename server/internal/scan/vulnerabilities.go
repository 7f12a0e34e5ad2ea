package scan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// VulnerabilityTokens are the tokens of the list of vulnerabilities (our choice).
var VulnerabilityTokens = store.Resource{
	Schema: qql.Schema{
		{Token: "qid", Kind: qql.Number},
		{Token: "title", Kind: qql.Text},
		{Token: "severity", Kind: qql.Number},
	},
	Order: qql.Sort{Field: qql.Field{Token: "severity", Kind: qql.Number}, Desc: true},
}

// Vulnerabilities generates the vulnerabilities of an image. Their numbers and names are obviously
// not real, and depend on the image only.
func Vulnerabilities(sha string) []api.Vulnerability {
	all := make([]api.Vulnerability, number(sha, "count")%8)
	for i := range all {
		n := int(number(sha, i) % 10_000)
		all[i] = api.Vulnerability{
			Qid:      900_000 + n,
			Title:    fmt.Sprintf("Synthetic finding %d of the emulator", 900_000+n),
			Severity: 1 + int(number(sha, "severity", i)%5),
			Cveids:   []string{fmt.Sprintf("CVE-0000-%04d", n)},
		}
	}
	return all
}

// finding makes a vulnerability a record of the filter language.
type finding api.Vulnerability

// Text implements qql.Record.
func (f finding) Text(string) string { return f.Title }

// Number implements qql.Record.
func (f finding) Number(token string) int64 {
	return int64(map[string]int{"qid": f.Qid, "severity": f.Severity}[token])
}

// Group implements qql.Record.
func (f finding) Group(string) []qql.Record { return nil }

// page returns a page of vulnerabilities, filtered and sorted.
func page(all []api.Vulnerability, l store.List) api.Vulnerabilities {
	if l.Filter != nil {
		all = slices.DeleteFunc(all, func(v api.Vulnerability) bool { return !l.Filter.Eval(finding(v)) })
	}
	order := cmp.Or(l.Sort, VulnerabilityTokens.Order)
	slices.SortStableFunc(all, func(a, b api.Vulnerability) int {
		if order.Desc {
			a, b = b, a
		}
		token := order.Field.Token
		return cmp.Or(cmp.Compare(finding(a).Number(token), finding(b).Number(token)), cmp.Compare(a.Qid, b.Qid))
	})
	from := min((l.Page-1)*l.Size, len(all))
	return api.Vulnerabilities{Data: all[from:min(from+l.Size, len(all))], Count: len(all)}
}
