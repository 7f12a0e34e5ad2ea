package scan

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/server/internal/store"
)

// listing is what a source has listed of a registry for the selectors of its schedules.
type listing struct {
	selected map[Selector]bool
	contents Contents
	err      error
}

// Listings are the listings of registries by registryUri. They are fetched before the transaction
// that uses them, as a source may use the network.
type Listings map[string]listing

// Add adds the selectors of a schedule to the listing of its registry.
func (all Listings) Add(uri string, filters []api.ScheduleFilter) {
	if all[uri].selected == nil {
		all[uri] = listing{selected: map[Selector]bool{}}
	}
	for _, t := range Targets(filters) {
		all[uri].selected[t.Selector] = true
	}
}

// Fetch lists the registries, one after the other. Each source bounds its own time.
func (all Listings) Fetch(ctx context.Context, sources Sources) {
	for uri, l := range all {
		selected := slices.SortedFunc(maps.Keys(l.selected), func(a, b Selector) int {
			return cmp.Or(strings.Compare(a.Repo, b.Repo), strings.Compare(a.Tag, b.Tag))
		})
		l.contents, l.err = sources.Of(uri).List(ctx, uri, selected)
		all[uri] = l
	}
}

// Covers reports whether the listing of a registry has all selectors of a schedule.
func (all Listings) Covers(uri string, filters []api.ScheduleFilter) bool {
	return !slices.ContainsFunc(Targets(filters), func(t Target) bool { return !all[uri].selected[t.Selector] })
}

// Failure returns the errors that a schedule shows if the listing of its registry failed, or nil.
// They do not contain the cause, which is in the log.
func (all Listings) Failure(uri string) []api.ScheduleError {
	err := all[uri].err
	if err == nil {
		return nil
	}
	failed := &Error{"REGISTRY_LISTING_FAILED", "The registry could not be listed."}
	_ = errors.As(err, &failed)
	return []api.ScheduleError{{
		ErrorCode: failed.Code, ErrorMessage: failed.Msg, ContextParams: map[string]any{"registry": Host(uri)},
	}}
}

// Addresses returns the registryUris of the registries of schedules. A registry that is being
// deleted has none, as no call can see what scans of it find.
func Addresses(ctx context.Context, tx *store.Tx, rows []store.Due) (map[string]string, error) {
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
