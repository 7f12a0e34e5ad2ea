package scan

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/gen/control"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/call"
	"github.com/qcsdev/qcs/server/internal/rule"
	"github.com/qcsdev/qcs/server/internal/store"
)

// AddRepository adds a repository or images to a registry, like a scan that ends now.
func (s *Service) AddRepository(
	ctx context.Context, registryID string, r control.ScenarioRepository,
) (added control.ScenarioRepository, err error) {
	err = s.store.Write(ctx, call.World(ctx), func(tx *store.Tx) error {
		row, err := tx.Registry(ctx, registryID)
		if err != nil {
			return err
		}
		totals, err := PutRepository(ctx, tx, row, r)
		added = control.ScenarioRepository{
			RepoName: r.RepoName, TotalImages: totals.TotalImages,
			TotalScannedImages: totals.TotalScannedImages, TotalVulnerableImages: totals.TotalVulnerableImages,
		}
		return err
	})
	return added, err
}

// PutRepository adds a repository with its images. Its totals are those that are given or, if none
// is given, the numbers of its images.
func PutRepository(
	ctx context.Context, tx *store.Tx, row api.RegistryDetails, r control.ScenarioRepository,
) (api.Repository, error) {
	totals := api.Repository{
		RepoName: r.RepoName, TotalImages: r.TotalImages,
		TotalScannedImages: r.TotalScannedImages, TotalVulnerableImages: r.TotalVulnerableImages,
	}
	at := api.AssociatedRegistry{Registry: Host(row.RegistryURI), RegistryUUID: row.RegistryUUID, Repo: r.RepoName}
	for _, alike := range r.Images {
		if err := putImages(ctx, tx, at, alike); err != nil {
			return totals, err
		}
	}
	if (totals != api.Repository{RepoName: r.RepoName}) {
		return totals, tx.PutRepository(ctx, row.RegistryUUID, totals)
	}
	var scanned openapi.Millis // 0 for never
	if len(r.Images) > 0 {
		scanned = tx.Now
	}
	return tx.CountImages(ctx, row.RegistryUUID, r.RepoName, scanned)
}

// putImages adds one tag, or many tags from a template, with the images to which they point.
func putImages(ctx context.Context, tx *store.Tx, at api.AssociatedRegistry, alike control.ScenarioImages) error {
	count := max(alike.Count, 1)
	if alike.Digest != "" && count > 1 {
		return rule.Errorf("", "repository %s: digest is for a single tag", at.Repo)
	}
	for n := range count {
		text := func(text string) string { return strings.ReplaceAll(text, "{n}", strconv.Itoa(n+1)) }
		at.Tag = text(cmp.Or(alike.Tag, "latest"))
		item := Item{Version: text(alike.Version), Digest: alike.Digest, Size: alike.Size}
		if alike.Created != 0 {
			item.Created = alike.Created.Time()
		}
		if err := tx.PutImage(ctx, image(at, item, tx.Now)); err != nil {
			return err
		}
	}
	return nil
}
