package registry

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
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

// versions are the tags that every repository has, and the versions that they point to: what a registry holds is made up, and the same each time.
var versions = map[string]string{"1.0.0": "1.0.0", "1.1.0": "1.1.0", "1.2.0": "1.2.0", "stable": "1.1.0", "latest": "1.2.0"}

// expression reports whether a tag is meant as a regular expression: it holds a metacharacter other than . and - (our choice; .* is seen in use).
func expression(tag string) bool { return strings.ContainsAny(tag, `*+?^$|()[]{}\`) }

// compileTag reads a tag that is meant as an expression. RE2 runs in linear time; the document bounds the length.
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

// tagsOf lists the tags of a repository that a schedule selects: all, those that an expression matches, or those that are named, which are taken to exist.
func tagsOf(tag string) []string {
	if tag != "" && !expression(tag) {
		var named []string
		for _, name := range strings.Split(tag, ",") {
			if name = strings.TrimSpace(name); name != "" {
				named = append(named, name)
			}
		}
		return named
	}
	var all []string
	for name := range versions {
		if re, err := compileTag(tag); tag == "" || err == nil && re.MatchString(name) {
			all = append(all, name)
		}
	}
	return all
}

// number is drawn from some words: the same for the same words.
func number(words ...any) uint64 {
	sum := sha256.Sum256(fmt.Append(nil, words...))
	return binary.BigEndian.Uint64(sum[:8])
}

// imageAge bounds how old an image is when it is found first.
const imageAge = 30 * 24 * time.Hour

// image makes up the image that a tag points to.
func image(host, repo, tag string, scanned openapi.Millis) store.Found {
	sum := sha256.Sum256([]byte(host + "/" + repo + ":" + cmp.Or(versions[tag], tag)))
	f := store.Found{Scanned: scanned, Size: int64(number(sum, "size")%(400<<20)) + 5<<20}
	f.Sha, f.Registry, f.Repo, f.Tag = hex.EncodeToString(sum[:]), host, repo, tag
	f.UUID = uuid.NewSHA1(uuid.NameSpaceOID, sum[:]).String()
	f.Created = scanned.Add(-time.Duration(number(sum, "age") % uint64(imageAge)))
	f.Vulnerabilities = len(vulnerabilities(f.Sha))
	return f
}

// discover notes what the scans of schedules have found when they ended.
func discover(ctx context.Context, tx *store.Tx, ended []store.Due) error {
	hosts, repositories := map[string]string{}, map[[2]string]openapi.Millis{}
	found := map[[3]string]store.Found{}
	for _, d := range ended {
		if hosts[d.RegistryID] == "" {
			r, err := tx.Registry(ctx, d.RegistryID)
			if errors.Is(err, store.ErrNotFound) {
				continue // it is being deleted: nobody will see what is in it
			}
			if err != nil {
				return err
			}
			hosts[d.RegistryID] = host(r.RegistryURI)
		}
		for _, t := range plain(d.Filters) {
			repositories[[2]string{d.RegistryID, t.repo}] = d.At
			for _, tag := range tagsOf(t.tag) {
				f := image(hosts[d.RegistryID], t.repo, tag, d.At)
				f.RegistryUUID = d.RegistryID
				if t.days == 0 || f.Created >= d.At.Add(-time.Duration(t.days)*24*time.Hour) {
					found[[3]string{d.RegistryID, t.repo, tag}] = f
				}
			}
		}
	}
	for _, f := range found {
		if err := tx.PutImage(ctx, f); err != nil {
			return err
		}
	}
	for key, at := range repositories {
		if err := tx.CountImages(ctx, key[0], key[1], at); err != nil {
			return err
		}
	}
	return nil
}

// vulnerabilities makes up what is in an image: numbers and names that are plainly not real, the same for the same image.
func vulnerabilities(sha string) []api.Vulnerability {
	all := make([]api.Vulnerability, number(sha, "count")%8)
	for i := range all {
		n := int(number(sha, i) % 10_000)
		all[i] = api.Vulnerability{
			Qid: 900_000 + n, Title: fmt.Sprintf("Synthetic finding %d of the emulator", 900_000+n), Severity: 1 + int(number(sha, "severity", i)%5), Cveids: []string{fmt.Sprintf("CVE-0000-%04d", n)},
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
