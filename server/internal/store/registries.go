package store

import (
	"context"
	"errors"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
)

// ErrDuplicate means that a row with the same key exists.
var ErrDuplicate = errors.New("exists already")

// Registries are the tokens of the list of registries. Public scripts use registryUri only; the
// others are all scalar fields of a response (our choice).
var Registries = resource("created:desc", nil, []token{
	{qql.Field{Token: "registryUuid", Kind: qql.ID}, "id"},
	{qql.Field{Token: "registryUri", Kind: qql.Text}, "uri"},
	{qql.Field{Token: "registryName", Kind: qql.Text}, "name"},
	{qql.Field{Token: "registryType", Kind: qql.Word}, "type"},
	{qql.Field{Token: "providerType", Kind: qql.Word}, "provider"},
	{qql.Field{Token: "awsAccountId", Kind: qql.ID}, "aws_account"},
	{qql.Field{Token: "awsRegion", Kind: qql.Text}, "aws_region"},
	{qql.Field{Token: "dockerHubOrg", Kind: qql.Text}, "docker_org"},
	{qql.Field{Token: "repoCount", Kind: qql.Number}, "repositories"},
	{qql.Field{Token: "totalImages", Kind: qql.Number}, "images"},
	{qql.Field{Token: "totalScannedImages", Kind: qql.Number}, "scanned_images"},
	{qql.Field{Token: "totalVulnerableImages", Kind: qql.Number}, "vulnerable_images"},
	{qql.Field{Token: "created", Kind: qql.Time}, "created"},
	{qql.Field{Token: "updated", Kind: qql.Time}, "updated"},
	{qql.Field{Token: "lastScanned", Kind: qql.Time}, "last_scanned"},
}).shown(openapi.Observed, "registryUri")

const registryColumns = `id, uri, name, type, provider, aws_account, aws_region, docker_org, repositories,
	images, scanned_images, vulnerable_images, created, updated, last_scanned, ` + countsColumn

func registryFields(r *api.Registry) []any {
	return []any{
		&r.RegistryUUID, &r.RegistryURI, &r.RegistryName, (*string)(&r.RegistryType), &r.ProviderType,
		&r.AWSAccountID, &r.AWSRegion, &r.DockerHubOrg, num(&r.RepoCount),
		num(&r.TotalImages), num(&r.TotalScannedImages), num(&r.TotalVulnerableImages),
		num(&r.Created), num(&r.Updated), num(&r.LastScanned), (*countsText)(&r.ScheduleStatusList),
	}
}

const detailColumns = `id, uri, name, type, provider, docker_org, repositories, images, scanned_images,
	vulnerable_images, created, updated, last_scanned, credential_type, username, aws, connectors`

func detailFields(r *api.RegistryDetails) []any {
	return []any{
		&r.RegistryUUID, &r.RegistryURI, &r.RegistryName, &r.RegistryType, &r.ProviderType, &r.DockerHubOrg,
		&r.RepoCount, &r.TotalImages, &r.TotalScannedImages, &r.TotalVulnerableImages,
		&r.Created, &r.Updated, &r.LastScanned,
		&r.CredentialType, &r.Credential.Username, asJSON(&r.AWS), asJSON(&r.Connectors),
	}
}

// visible is the condition that a registry exists. A registry that a job deletes has the id of the
// job in the column deletion, and no longer exists for other calls.
const visible = ` FROM registry WHERE world = $1 AND deletion = ''`

// Registries lists registries with their counts of schedules, and counts all that match.
func (tx *Tx) Registries(ctx context.Context, l List) ([]api.Registry, int, error) {
	return listQuery[api.Registry]{
		Registries, visible, "id", registryColumns, registryFields,
	}.read(ctx, tx, l, tx.World)
}

// Registry reads one registry, or returns ErrNotFound.
func (tx *Tx) Registry(ctx context.Context, id string) (r api.RegistryDetails, err error) {
	err = tx.find(ctx, "registry", append(detailFields(&r), (*countsText)(&r.ScheduleStatusList)),
		query(`SELECT `+detailColumns+`, `+countsColumn+visible+` AND id = $2`, tx.World, id))
	return r, err
}

// CountsOf reads the number of schedules of a registry in each status that occurs, or returns
// ErrNotFound if the registry does not exist.
func (tx *Tx) CountsOf(ctx context.Context, id string) (counts Counts, err error) {
	err = tx.find(ctx, "registry", []any{(*countsText)(&counts)},
		query(`SELECT `+countsColumn+visible+` AND id = $2`, tx.World, id))
	return counts, err
}

// HasRegistry returns ErrNotFound if the registry does not exist.
func (tx *Tx) HasRegistry(ctx context.Context, id string) error {
	var found string
	return tx.find(ctx, "registry", []any{&found}, query(`SELECT id`+visible+` AND id = $2`, tx.World, id))
}

// HasURI reports whether a registry has the address.
func (tx *Tx) HasURI(ctx context.Context, uri string) (bool, error) {
	n, err := tx.count(ctx, query(visible+` AND uri = $2`, tx.World, uri))
	return n > 0, err
}

// InsertRegistry adds a registry, or returns ErrDuplicate if a registry has its address. The check
// and the insertion are one statement.
func (tx *Tx) InsertRegistry(ctx context.Context, r api.RegistryDetails) error {
	return tx.runOne(ctx, "registry", ErrDuplicate,
		query(`INSERT INTO registry (world, aws_account, aws_region, `+detailColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
		ON CONFLICT (world, uri) WHERE deletion = '' DO NOTHING`,
			append([]any{tx.World, r.AWS.AccountID, r.AWS.Region}, detailFields(&r)...)...))
}

// UpdateRegistry writes the fields of a registry that can change.
func (tx *Tx) UpdateRegistry(ctx context.Context, r api.RegistryDetails) error {
	return tx.run(ctx, `UPDATE registry SET name = $3, credential_type = $4, username = $5, aws = $6, connectors = $7,
		aws_account = $8, aws_region = $9, docker_org = $10, updated = $11 WHERE world = $1 AND id = $2`,
		tx.World, r.RegistryUUID, r.RegistryName, r.CredentialType, r.Credential.Username, asJSON(&r.AWS),
		asJSON(&r.Connectors), r.AWS.AccountID, r.AWS.Region, r.DockerHubOrg, tx.Now)
}

// HideRegistry hides a registry for a job that deletes it; from then on another registry can have
// its address. It reports whether the registry exists, or the same job has hidden it before.
func (tx *Tx) HideRegistry(ctx context.Context, id, job string) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE registry SET deletion = $3
		WHERE world = $1 AND id = $2 AND (deletion = '' OR deletion = $3)`, tx.World, id, job)
	return n > 0, err
}

// DeleteRegistry removes a hidden registry whose schedules are deleted, with its repositories, its
// counters, and the images that no other registry has.
func (tx *Tx) DeleteRegistry(ctx context.Context, id string) error {
	return tx.runAll(ctx, []string{
		`DELETE FROM repository WHERE world = $1 AND registry = $2`,
		`DELETE FROM schedule_count WHERE world = $1 AND registry = $2`,
		`DELETE FROM schedule_list WHERE world = $1 AND registry = $2`,
		`DELETE FROM image WHERE world = $1 AND sha IN (SELECT here.sha FROM image_place AS here
			WHERE here.world = $1 AND here.registry = $2
			AND NOT EXISTS (SELECT 1 FROM image_place AS there
				WHERE there.world = $1 AND there.sha = here.sha AND there.registry <> $2))`,
		`DELETE FROM image_place WHERE world = $1 AND registry = $2`,
		`DELETE FROM registry WHERE world = $1 AND id = $2 AND deletion <> ''`,
	}, tx.World, id)
}
