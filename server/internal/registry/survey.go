package registry

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Source tells what registries hold: an inventory, or the registries themselves.
type Source interface {
	// Speaks reports whether the source speaks for a registry, by its registryUri.
	Speaks(uri string) bool
	// Contents lists the repositories of a registry, with the tags that are wanted, and maybe
	// others. It is called outside transactions, as it may ask over the network.
	Contents(ctx context.Context, uri string, wanted []Wanted) (Contents, error)
}

// Speaks implements Source.
func (v Inventory) Speaks(uri string) bool {
	_, known := v[uri]
	return known
}

// Contents implements Source.
func (v Inventory) Contents(_ context.Context, uri string, _ []Wanted) (Contents, error) {
	return v[uri], nil
}

// ScanError says why a source could not tell what a registry holds. The scan of the schedule ends
// in Error with it.
type ScanError struct{ Code, Msg string }

func (e *ScanError) Error() string { return e.Code + ": " + e.Msg }

// Wanted is what a schedule wants of a registry: a repository, and all tags of it, those that a
// list with commas names, or those that an expression matches.
type Wanted struct{ Repo, Tag string }

// Pick lists the tags that are wanted among those that there are.
func (w Wanted) Pick(tags []string) []string {
	if w.Tag == "" {
		return tags
	}
	if expression(w.Tag) {
		re, err := compileTag(w.Tag)
		return slices.DeleteFunc(
			slices.Clone(tags), func(tag string) bool { return err != nil || !re.MatchString(tag) },
		)
	}
	names := w.names()
	return slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return !slices.Contains(names, tag) })
}

// names are the tags that are wanted by name.
func (w Wanted) names() []string {
	if w.Tag == "" || expression(w.Tag) {
		return nil
	}
	var names []string
	for _, name := range strings.Split(w.Tag, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// source finds who speaks for a registry; nobody does when it is nil.
func (s *Service) source(uri string) Source {
	for _, source := range s.sources {
		if source.Speaks(uri) {
			return source
		}
	}
	return nil
}

// survey is what a source told of a registry, when it was asked for some repositories and tags.
type survey struct {
	wanted   map[Wanted]bool
	contents Contents
	err      error
}

// covers reports whether a survey can tell what a schedule wants.
func (v survey) covers(filters []api.ScheduleFilter) bool {
	return !slices.ContainsFunc(plain(filters), func(t selected) bool { return !v.wanted[Wanted{t.repo, t.tag}] })
}

// surveys are by registryUri.
type surveys map[string]survey

// endsWell reports whether a move is the end of a scan that found something.
func endsWell(m store.Move) bool {
	return m.Effect == store.RunEnds && (m.To == api.StatusFinished || m.To == api.StatusCompleted)
}

// prepare asks the sources for what the scans that end now want to know. What is not due yet when
// it looks is left to the next time.
func (s *Service) prepare(ctx context.Context, scope store.Scope) (surveys, error) {
	if len(s.sources) == 0 {
		return nil, nil
	}
	asked := surveys{}
	err := s.store.Read(ctx, "", func(tx *store.Tx) error {
		d, err := dueNow(ctx, tx, scope)
		if err != nil {
			return err
		}
		return s.questions(ctx, d.tx, d.schedules, asked)
	})
	if err == nil {
		s.ask(ctx, asked)
	}
	return asked, err
}

// questions notes what some schedules want to know, if their scans end and a source speaks for
// their registry.
func (s *Service) questions(ctx context.Context, tx *store.Tx, due []store.Due, asked surveys) error {
	ending := slices.DeleteFunc(slices.Clone(due), func(d store.Due) bool {
		m, ok := moveOf(d)
		return !ok || !endsWell(m)
	})
	addresses, err := addressesOf(ctx, tx, ending)
	if err != nil {
		return err
	}
	for _, d := range ending {
		if uri := addresses[d.RegistryID]; s.source(uri) != nil {
			asked.note(uri, d.Filters)
		}
	}
	return nil
}

// note adds what a schedule wants to know of a registry.
func (v surveys) note(uri string, filters []api.ScheduleFilter) {
	if v[uri].wanted == nil {
		v[uri] = survey{wanted: map[Wanted]bool{}}
	}
	for _, t := range plain(filters) {
		v[uri].wanted[Wanted{t.repo, t.tag}] = true
	}
}

// ask gets the answers, one registry after the other: a source bounds how long it takes.
func (s *Service) ask(ctx context.Context, asked surveys) {
	for uri, v := range asked {
		wanted := slices.SortedFunc(
			maps.Keys(v.wanted),
			func(a, b Wanted) int { return cmp.Or(strings.Compare(a.Repo, b.Repo), strings.Compare(a.Tag, b.Tag)) },
		)
		v.contents, v.err = s.source(uri).Contents(ctx, uri, wanted)
		asked[uri] = v
	}
}

// addressesOf reads the registryUris of the registries of some schedules. A registry that is being
// deleted has none: nobody will see what is in it.
func addressesOf(ctx context.Context, tx *store.Tx, rows []store.Due) (map[string]string, error) {
	addresses := map[string]string{}
	for _, d := range rows {
		if _, known := addresses[d.RegistryID]; known {
			continue
		}
		r, err := tx.Registry(ctx, d.RegistryID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		addresses[d.RegistryID] = r.RegistryURI
	}
	return addresses, nil
}

// harvest is what the scans of some schedules found: images by registry, repository and tag, when
// each repository was scanned last, and the repositories that were listed.
type harvest struct {
	found   map[[3]string]store.Found
	scanned map[[2]string]openapi.Millis
	listed  map[string]Contents
}

// add notes what the scan of one schedule found in a registry. In one for which no source speaks,
// whatever is asked for exists.
func (h harvest) add(uri string, d store.Due, contents Contents, known bool) {
	if known {
		h.listed[d.RegistryID] = contents
	}
	for _, t := range plain(d.Filters) {
		tags, exists := contents[t.repo]
		if known && !exists {
			continue
		}
		wanted := Wanted{t.repo, t.tag}
		var names []string
		if !known {
			tags, names = madeUp, wanted.names()
		}
		h.scanned[[2]string{d.RegistryID, t.repo}] = d.At
		for _, tag := range append(names, wanted.Pick(slices.Collect(maps.Keys(tags)))...) {
			f := image(
				api.AssociatedRegistry{Registry: host(uri), RegistryUUID: d.RegistryID, Repo: t.repo, Tag: tag},
				tags[tag], d.At,
			)
			if t.days == 0 || f.Created >= d.At.Add(-time.Duration(t.days)*24*time.Hour) {
				h.found[[3]string{d.RegistryID, t.repo, tag}] = f
			}
		}
	}
}

// discover notes what the scans of schedules have found when they ended.
func (v surveys) discover(ctx context.Context, tx *store.Tx, ended []store.Due) error {
	h := harvest{map[[3]string]store.Found{}, map[[2]string]openapi.Millis{}, map[string]Contents{}}
	addresses, err := addressesOf(ctx, tx, ended)
	if err != nil {
		return err
	}
	for _, d := range ended {
		if uri := addresses[d.RegistryID]; uri != "" {
			told, known := v[uri]
			h.add(uri, d, told.contents, known)
		}
	}
	return h.store(ctx, tx)
}

func (h harvest) store(ctx context.Context, tx *store.Tx) error {
	for registry, contents := range h.listed {
		if err := tx.AddRepositories(ctx, registry, slices.Sorted(maps.Keys(contents))); err != nil {
			return err
		}
	}
	for _, f := range h.found {
		if err := tx.PutImage(ctx, f); err != nil {
			return err
		}
	}
	for key, at := range h.scanned {
		if _, err := tx.CountImages(ctx, key[0], key[1], at); err != nil {
			return err
		}
	}
	return nil
}

// faultOf is how an error of a source is shown in a schedule. Its cause is for the log only.
func faultOf(uri string, err error) []api.ScheduleError {
	failed := &ScanError{"REGISTRY_LISTING_FAILED", "The registry could not be listed."}
	_ = errors.As(err, &failed)
	return []api.ScheduleError{
		{ErrorCode: failed.Code, ErrorMessage: failed.Msg, ContextParams: map[string]any{"registry": host(uri)}},
	}
}
