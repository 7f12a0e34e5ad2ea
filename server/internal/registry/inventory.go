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

// Inventory says what registries hold, by their registryUri. A registry that is not in it has made-up contents, the same each time: every repository that is asked for exists.
type Inventory map[string]Contents

// Contents are the repositories of a registry, by name.
type Contents map[string]Tags

// Tags are the tags of a repository, by name.
type Tags map[string]Item

// Item is what a tag points to.
type Item struct {
	Version string    `json:"version"` // tags of a repository with the same version point to one image; the tag itself when absent
	Created time.Time `json:"created"` // when the image was made; at most thirty days before it is found first when absent
	Size    int64     `json:"size"`    // bytes; made up when absent
}

// madeUp are the tags of each repository of a registry that is not in the inventory.
var madeUp = Tags{"1.0.0": {}, "1.1.0": {}, "1.2.0": {}, "stable": {Version: "1.1.0"}, "latest": {Version: "1.2.0"}}

// tags gives the tags of a repository; open means that a tag which is named exists, too.
func (v Inventory) tags(uri, repo string) (tags Tags, open bool) {
	if contents, known := v[uri]; known {
		return contents[repo], false
	}
	return madeUp, true
}

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

// pickTags lists the tags of a repository that a schedule selects: all, those that an expression matches, or those that are named.
func pickTags(tags Tags, open bool, wanted string) []string {
	var picked []string
	if wanted == "" || expression(wanted) {
		for name := range tags {
			if re, err := compileTag(wanted); wanted == "" || err == nil && re.MatchString(name) {
				picked = append(picked, name)
			}
		}
		return picked
	}
	for _, name := range strings.Split(wanted, ",") {
		name = strings.TrimSpace(name)
		if _, known := tags[name]; name != "" && (known || open) {
			picked = append(picked, name)
		}
	}
	return picked
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
	sum := sha256.Sum256([]byte(at.Registry + "/" + at.Repo + ":" + cmp.Or(item.Version, at.Tag)))
	f := store.Found{Scanned: scanned, Size: item.Size, Created: openapi.MillisOf(item.Created)}
	f.AssociatedRegistry, f.Sha = at, hex.EncodeToString(sum[:])
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

// harvest is what the scans of some schedules found: images by registry, repository and tag, and when each repository was scanned last.
type harvest struct {
	found   map[[3]string]store.Found
	scanned map[[2]string]openapi.Millis
}

// add notes what the scan of one schedule found in a registry.
func (h harvest) add(v Inventory, uri string, d store.Due) {
	for _, t := range plain(d.Filters) {
		h.scanned[[2]string{d.RegistryID, t.repo}] = d.At
		tags, open := v.tags(uri, t.repo)
		for _, tag := range pickTags(tags, open, t.tag) {
			f := image(api.AssociatedRegistry{Registry: host(uri), RegistryUUID: d.RegistryID, Repo: t.repo, Tag: tag}, tags[tag], d.At)
			if t.days == 0 || f.Created >= d.At.Add(-time.Duration(t.days)*24*time.Hour) {
				h.found[[3]string{d.RegistryID, t.repo, tag}] = f
			}
		}
	}
}

// discover notes what the scans of schedules have found when they ended.
func (s *Service) discover(ctx context.Context, tx *store.Tx, ended []store.Due) error {
	h := harvest{map[[3]string]store.Found{}, map[[2]string]openapi.Millis{}}
	addresses := map[string]string{}
	for _, d := range ended {
		if _, known := addresses[d.RegistryID]; !known {
			r, err := tx.Registry(ctx, d.RegistryID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			addresses[d.RegistryID] = r.RegistryURI // empty when it is being deleted: nobody will see what is in it
		}
		if uri := addresses[d.RegistryID]; uri != "" {
			h.add(s.inventory, uri, d)
		}
	}
	for _, f := range h.found {
		if err := tx.PutImage(ctx, f); err != nil {
			return err
		}
	}
	for key, at := range h.scanned {
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
