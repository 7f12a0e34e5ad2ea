package store

import (
	"context"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
)

// Images are the tokens of the list of images. Public scripts use repo.repository, sha and
// lastScanned; the others are the fields of a response (our choice).
var Images = resource("created:desc", map[string]string{
	"repo": `EXISTS (SELECT 1 FROM image_place WHERE image_place.world = %[2]s
		AND image_place.sha = image.sha AND %[1]s)`,
}, []token{
	{qql.Field{Token: "sha", Kind: qql.ID}, "sha"},
	{qql.Field{Token: "imageId", Kind: qql.ID}, "substr(sha, 1, 12)"},
	{qql.Field{Token: "uuid", Kind: qql.ID}, "uuid"},
	{qql.Field{Token: "created", Kind: qql.Time}, "created"},
	{qql.Field{Token: "updated", Kind: qql.Time}, "updated"},
	{qql.Field{Token: "lastScanned", Kind: qql.Time}, "last_scanned"},
	{qql.Field{Token: "scanStatus", Kind: qql.Word}, "'SUCCESS'"},
	{qql.Field{Token: "size", Kind: qql.Number}, "size"},
	{qql.Field{Token: "registry", Kind: qql.Text, Group: "repo"}, "host"},
	{qql.Field{Token: "repository", Kind: qql.Text, Group: "repo"}, "repository"},
	{qql.Field{Token: "tag", Kind: qql.Text, Group: "repo"}, "tag"},
}).shown(openapi.Observed, "sha", "lastScanned", "repo.repository")

const imageColumns = `sha, substr(sha, 1, 12), uuid, size, created, updated, last_scanned, 'SUCCESS'`

func imageFields(i *api.Image) []any {
	return []any{&i.Sha, &i.ImageID, &i.UUID, &i.Size, &i.Created, &i.Updated, &i.LastScanned, &i.ScanStatus}
}

// Images lists images, and counts all that match.
func (tx *Tx) Images(ctx context.Context, l List) ([]api.Image, int, error) {
	page, total, err := listQuery[api.Image]{
		Images, ` FROM image WHERE world = $1`, "sha", imageColumns, imageFields,
	}.read(ctx, tx, l, tx.World)
	if err != nil {
		return nil, 0, err
	}
	return page, total, tx.addPlaces(ctx, page)
}

// Image reads one image, or returns ErrNotFound.
func (tx *Tx) Image(ctx context.Context, sha string) (api.Image, error) {
	one := make([]api.Image, 1)
	err := tx.find(ctx, "image", imageFields(&one[0]),
		query(`SELECT `+imageColumns+` FROM image WHERE world = $1 AND sha = $2`, tx.World, sha))
	if err == nil {
		err = tx.addPlaces(ctx, one)
	}
	return one[0], err
}

// Place is a registry, repository and tag where scans found an image.
type Place struct {
	api.AssociatedRegistry
	Sha string
}

const placeColumns = `sha, host, registry, repository, tag`

func (p *Place) fields() []any { return []any{&p.Sha, &p.Registry, &p.RegistryUUID, &p.Repo, &p.Tag} }

// Places reads the places of images.
func (tx *Tx) Places(ctx context.Context, shas ...string) ([]Place, error) {
	list := tx.in(`sha`, shas, tx.World)
	return collect(ctx, tx, (*Place).fields, query(`SELECT `+placeColumns+` FROM image_place
		WHERE world = $1 AND `+list.text+` ORDER BY host, repository, tag`, list.args...))
}

// addPlaces adds to images the places where scans found them.
func (tx *Tx) addPlaces(ctx context.Context, images []api.Image) error {
	if len(images) == 0 {
		return nil
	}
	shas, index := make([]string, len(images)), map[string]int{}
	for i := range images {
		shas[i] = images[i].Sha
		index[shas[i]] = i
		images[i].Repo = []api.ImageRepo{}
	}
	places, err := tx.Places(ctx, shas...)
	for _, p := range places {
		i := &images[index[p.Sha]]
		i.Repo = append(i.Repo, api.ImageRepo{Registry: p.Registry, Repository: p.Repo, Tag: p.Tag})
	}
	return err
}

// ScannedImage is an image that a scan found at a place.
type ScannedImage struct {
	Place
	UUID            string
	Size            int64
	Vulnerabilities int
	Created         openapi.Millis
	Scanned         openapi.Millis
}

// PutImage stores an image that a scan found at a place. The tag points to this image now.
func (tx *Tx) PutImage(ctx context.Context, f ScannedImage) error {
	err := tx.run(ctx, `INSERT INTO image (world, sha, uuid, size, vulnerabilities, created, updated, last_scanned)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
		ON CONFLICT (world, sha) DO UPDATE SET updated = excluded.updated, last_scanned = excluded.last_scanned`,
		tx.World, f.Sha, f.UUID, f.Size, f.Vulnerabilities, f.Created, f.Scanned)
	if err != nil {
		return err
	}
	return tx.run(ctx, `INSERT INTO image_place (world, `+placeColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (world, registry, repository, tag) DO UPDATE SET sha = excluded.sha`,
		append([]any{tx.World}, f.fields()...)...)
}

// CountImages updates, after a scan, the totals of a registry and a repository, and returns the
// latter.
func (tx *Tx) CountImages(
	ctx context.Context, registry, repository string, scanned openapi.Millis,
) (api.Repository, error) {
	r := api.Repository{RepoName: repository}
	err := tx.Scan(ctx, []any{&r.TotalImages, &r.TotalVulnerableImages},
		`SELECT COUNT(*), COALESCE(SUM(CASE WHEN vulnerabilities > 0 THEN 1 ELSE 0 END), 0) FROM image
		WHERE world = $1 AND sha IN (SELECT sha FROM image_place
			WHERE world = $1 AND registry = $2 AND repository = $3)`, tx.World, registry, repository)
	if err != nil {
		return r, err
	}
	r.TotalScannedImages = r.TotalImages
	if err := tx.PutRepository(ctx, registry, r); err != nil {
		return r, err
	}
	return r, tx.run(ctx, `UPDATE registry SET last_scanned = $3, updated = $3
		WHERE world = $1 AND id = $2 AND last_scanned < $3`, tx.World, registry, scanned)
}
