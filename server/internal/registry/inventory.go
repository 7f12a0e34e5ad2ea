package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Inventory says what registries hold, by their registryUri. It is the Source that a file
// describes.
type Inventory map[string]Contents

// Contents are the repositories of a registry, by name.
type Contents map[string]Tags

// Tags are the tags of a repository, by name.
type Tags map[string]Item

// Item is what a tag points to.
type Item struct {
	// tags of a repository with the same version point to one image; the tag itself when absent
	Version string `json:"version"`
	// SHA-256 of the image, 64 hexadecimal digits; made up from the version when absent
	Digest string `json:"digest"`
	// when the image was made; at most thirty days before it is found first when absent
	Created time.Time `json:"created"`
	Size    int64     `json:"size"` // bytes; made up when absent
}

// madeUp are the tags of each repository of a registry for which no source speaks: every
// repository, and every tag, that is asked for exists in it.
var madeUp = Tags{"1.0.0": {}, "1.1.0": {}, "1.2.0": {}, "stable": {Version: "1.1.0"}, "latest": {Version: "1.2.0"}}

// expression reports whether a tag is meant as a regular expression: it holds a metacharacter other
// than . and - (our choice; .* is seen in use).
func expression(tag string) bool { return strings.ContainsAny(tag, `*+?^$|()[]{}\`) }

// compileTag reads a tag that is meant as an expression. RE2 runs in linear time; the document
// bounds the length.
func compileTag(tag string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(`^(?:` + tag + `)$`)
	if err != nil {
		return nil, broken(openapi.TagExpression, "The tag is not a regular expression that can be read.")
	}
	return re, nil
}

// checkTags refuses expressions that cannot be read.
func checkTags(filters []api.ScheduleFilter) error {
	for _, t := range plain(filters) {
		if expression(t.tag) {
			if _, err := compileTag(t.tag); err != nil {
				return err
			}
		}
	}
	return nil
}

// number is drawn from some words: the same for the same words.
func number(words ...any) uint64 {
	sum := sha256.Sum256(fmt.Append(nil, words...))
	return binary.BigEndian.Uint64(sum[:8])
}

// imageAge bounds how old an image is when it is found first.
const imageAge = 30 * 24 * time.Hour

// image gives the image that is found at a place.
func image(at api.AssociatedRegistry, item Item, scanned openapi.Millis) store.Found {
	sum := sha256.Sum256([]byte(cmp.Or(item.Digest, at.Registry+"/"+at.Repo+":"+cmp.Or(item.Version, at.Tag))))
	f := store.Found{Scanned: scanned, Size: item.Size, Created: openapi.MillisOf(item.Created)}
	f.AssociatedRegistry, f.Sha = at, cmp.Or(item.Digest, hex.EncodeToString(sum[:]))
	f.UUID = uuid.NewSHA1(uuid.NameSpaceOID, sum[:]).String()
	if f.Size == 0 {
		f.Size = int64(number(sum, "size")%(400<<20)) + 5<<20
	}
	if f.Created == 0 {
		f.Created = scanned.Add(-time.Duration(number(sum, "age") % uint64(imageAge)))
	}
	f.Vulnerabilities = len(vulnerabilities(f.Sha))
	return f
}

// vulnerabilities makes up what is in an image: numbers and names that are plainly not real, the
// same for the same image.
func vulnerabilities(sha string) []api.Vulnerability {
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

// finding is a vulnerability as the filter language sees it.
type finding api.Vulnerability

// Text implements qql.Record.
func (f finding) Text(string) string { return f.Title }

// Number implements qql.Record.
func (f finding) Number(token string) int64 {
	return int64(map[string]int{"qid": f.Qid, "severity": f.Severity}[token])
}

// Group implements qql.Record.
func (f finding) Group(string) []qql.Record { return nil }

// pick filters, sorts and pages vulnerabilities, of which an image has few.
func pick(all []api.Vulnerability, l store.List) api.Vulnerabilities {
	if l.Filter != nil {
		all = slices.DeleteFunc(all, func(v api.Vulnerability) bool { return !l.Filter.Eval(finding(v)) })
	}
	order := cmp.Or(l.Sort, vulnerabilityTokens.Order)
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
