package scan

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store"
)

// result is what the scans of some schedules found.
type result struct {
	images       map[[3]string]store.ScannedImage // by registry, repository and tag
	scanned      map[[2]string]openapi.Millis     // time of the last scan, by registry and repository
	repositories map[string]Contents              // what a source has listed, by registry
}

// Save stores what the scans of schedules have found.
func Save(ctx context.Context, tx *store.Tx, ended []store.Due, listings Listings) error {
	r := result{map[[3]string]store.ScannedImage{}, map[[2]string]openapi.Millis{}, map[string]Contents{}}
	addresses, err := Addresses(ctx, tx, ended)
	if err != nil {
		return err
	}
	for _, d := range ended {
		if uri := addresses[d.RegistryID]; uri != "" {
			r.add(uri, d, listings)
		}
	}
	return r.save(ctx, tx)
}

// add adds what the scan of one schedule has found. In a registry without a source, every
// repository and every tag that is selected exists.
func (r result) add(uri string, d store.Due, listings Listings) {
	l, listed := listings[uri]
	if listed {
		r.repositories[d.RegistryID] = l.contents
	}
	for _, t := range Targets(d.Filters) {
		tags, exists := l.contents[t.Repo]
		if listed && !exists {
			continue
		}
		var names []string
		if !listed {
			tags, names = madeUp, t.Names()
		}
		r.scanned[[2]string{d.RegistryID, t.Repo}] = d.At
		for _, tag := range append(names, t.Select(slices.Collect(maps.Keys(tags)))...) {
			at := api.AssociatedRegistry{Registry: Host(uri), RegistryUUID: d.RegistryID, Repo: t.Repo, Tag: tag}
			f := image(at, tags[tag], d.At)
			if t.Days == 0 || f.Created >= d.At.Add(-time.Duration(t.Days)*24*time.Hour) {
				r.images[[3]string{d.RegistryID, t.Repo, tag}] = f
			}
		}
	}
}

func (r result) save(ctx context.Context, tx *store.Tx) error {
	for registry, contents := range r.repositories {
		if err := tx.AddRepositories(ctx, registry, slices.Sorted(maps.Keys(contents))); err != nil {
			return err
		}
	}
	for _, f := range r.images {
		if err := tx.PutImage(ctx, f); err != nil {
			return err
		}
	}
	for key, at := range r.scanned {
		if _, err := tx.CountImages(ctx, key[0], key[1], at); err != nil {
			return err
		}
	}
	return nil
}
