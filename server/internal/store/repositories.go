package store

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Repositories are the tokens of the list of repositories: all fields of a response (our choice).
var Repositories = resource("repoName:asc", nil, []token{
	{qql.Field{Token: "repoName", Kind: qql.Text}, "name"},
	{qql.Field{Token: "totalImages", Kind: qql.Number}, "images"},
	{qql.Field{Token: "totalScannedImages", Kind: qql.Number}, "scanned_images"},
	{qql.Field{Token: "totalVulnerableImages", Kind: qql.Number}, "vulnerable_images"},
})

const repositoryColumns = `name, images, scanned_images, vulnerable_images`

func repositoryFields(r *api.Repository) []any {
	return []any{&r.RepoName, &r.TotalImages, &r.TotalScannedImages, &r.TotalVulnerableImages}
}

// Repositories lists the repositories of a registry, and counts all that match.
func (tx *Tx) Repositories(ctx context.Context, registry string, l List) ([]api.Repository, int, error) {
	return listQuery[api.Repository]{
		Repositories, ` FROM repository WHERE world = $1 AND registry = $2`, "name",
		repositoryColumns, repositoryFields,
	}.read(ctx, tx, l, tx.World, registry)
}

// PutRepository adds a repository or replaces its totals, and updates those of its registry.
func (tx *Tx) PutRepository(ctx context.Context, registry string, r api.Repository) error {
	err := tx.run(ctx, `INSERT INTO repository (world, registry, `+repositoryColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (world, registry, name) DO UPDATE
		SET images = excluded.images, scanned_images = excluded.scanned_images,
			vulnerable_images = excluded.vulnerable_images`,
		append([]any{tx.World, registry}, repositoryFields(&r)...)...)
	if err != nil {
		return err
	}
	return tx.run(ctx, `UPDATE registry SET (repositories, images, scanned_images, vulnerable_images) =
		(SELECT COUNT(*), COALESCE(SUM(images), 0), COALESCE(SUM(scanned_images), 0),
			COALESCE(SUM(vulnerable_images), 0) FROM repository WHERE world = $1 AND registry = $2)
		WHERE world = $1 AND id = $2`, tx.World, registry)
}

// AddRepositories adds repositories to a registry; those that it has already stay as they are.
func (tx *Tx) AddRepositories(ctx context.Context, registry string, names []string) error {
	for _, name := range names {
		err := tx.run(ctx, `INSERT INTO repository (world, registry, `+repositoryColumns+`)
			VALUES ($1, $2, $3, 0, 0, 0) ON CONFLICT (world, registry, name) DO NOTHING`, tx.World, registry, name)
		if err != nil {
			return err
		}
	}
	return tx.run(ctx, `UPDATE registry SET repositories = (SELECT COUNT(*) FROM repository
		WHERE world = $1 AND registry = $2) WHERE world = $1 AND id = $2`, tx.World, registry)
}
