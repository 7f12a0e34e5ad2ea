package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/openapi/qql"
)

// ErrDuplicate says that a row with the same key exists.
var ErrDuplicate = errors.New("exists already")

// Registries are the tokens of the list of registries. Only registryUri is seen in use; the others
// are all scalar fields of an answer (our choice).
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
		&r.RegistryUUID,
		&r.RegistryURI,
		&r.RegistryName,
		(*string)(&r.RegistryType),
		&r.ProviderType,
		&r.AWSAccountID,
		&r.AWSRegion,
		&r.DockerHubOrg,
		num(
			&r.RepoCount,
		),
		num(&r.TotalImages),
		num(&r.TotalScannedImages),
		num(&r.TotalVulnerableImages),
		num(&r.Created),
		num(&r.Updated),
		num(&r.LastScanned),
		(*countsText)(&r.ScheduleStatusList),
	}
}

const detailColumns = `id, uri, name, type, provider, docker_org, repositories, images, scanned_images,
	vulnerable_images, created, updated, last_scanned,
	credential_type, username, aws, connectors`

func detailFields(r *api.RegistryDetails) []any {
	return []any{
		&r.RegistryUUID,
		&r.RegistryURI,
		&r.RegistryName,
		&r.RegistryType,
		&r.ProviderType,
		&r.DockerHubOrg,
		&r.RepoCount,
		&r.TotalImages,
		&r.TotalScannedImages,
		&r.TotalVulnerableImages,
		&r.Created,
		&r.Updated,
		&r.LastScanned,
		&r.CredentialType,
		&r.Credential.Username,
		asJSON(&r.AWS),
		asJSON(&r.Connectors),
	}
}

// Registries lists registries with their counts of schedules, and the number of all that match.
func (tx *Tx) Registries(ctx context.Context, l List) ([]api.Registry, int, error) {
	where := tx.condition(Registries, l.Filter, tx.World)
	from := ` FROM registry WHERE world = $1 AND deletion = '' AND ` + where.text
	var total int
	if err := tx.Scan(ctx, []any{&total}, `SELECT COUNT(*)`+from, where.args...); err != nil {
		return nil, 0, err
	}
	all, err := collect(
		ctx, tx, registryFields,
		statement{`SELECT ` + registryColumns + from + l.page(Registries, "id"), where.args},
	)
	return all, total, err
}

// Registry reads one registry, or returns ErrNotFound.
func (tx *Tx) Registry(ctx context.Context, id string) (r api.RegistryDetails, err error) {
	fields := append(detailFields(&r), (*countsText)(&r.ScheduleStatusList))
	if err := tx.Scan(
		ctx, fields, `SELECT `+detailColumns+`, `+countsColumn+` FROM registry
			WHERE world = $1 AND deletion = '' AND id = $2`, tx.World, id,
	); err != nil {
		return r, fmt.Errorf("registry: %w", err)
	}
	return r, nil
}

// CountsOf gives the number of schedules of a registry in each status that occurs, or ErrNotFound
// unless the registry exists.
func (tx *Tx) CountsOf(ctx context.Context, id string) (counts Counts, err error) {
	if err := tx.Scan(
		ctx, []any{(*countsText)(&counts)},
		`SELECT `+countsColumn+` FROM registry WHERE world = $1 AND deletion = '' AND id = $2`, tx.World, id,
	); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return counts, nil
}

// HasRegistry gives ErrNotFound unless the registry exists.
func (tx *Tx) HasRegistry(ctx context.Context, id string) error {
	var found string
	if err := tx.Scan(
		ctx, []any{&found}, `SELECT id FROM registry WHERE world = $1 AND deletion = '' AND id = $2`, tx.World,
		id,
	); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

// HasURI reports whether a registry has the address.
func (tx *Tx) HasURI(ctx context.Context, uri string) (bool, error) {
	var n int
	err := tx.Scan(
		ctx, []any{&n}, `SELECT COUNT(*) FROM registry WHERE world = $1 AND deletion = '' AND uri = $2`,
		tx.World, uri,
	)
	return n > 0, err
}

// InsertRegistry adds a registry; ErrDuplicate says that its address is taken. The check and the
// insertion are one statement.
func (tx *Tx) InsertRegistry(ctx context.Context, r api.RegistryDetails) error {
	args := append([]any{tx.World, r.AWS.AccountID, r.AWS.Region}, detailFields(&r)...)
	n, err := tx.Exec(ctx, `INSERT INTO registry (world, aws_account, aws_region, `+detailColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
		ON CONFLICT (world, uri) WHERE deletion = '' DO NOTHING`, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrDuplicate
	}
	return nil
}

// UpdateRegistry writes the fields of a registry that can change.
func (tx *Tx) UpdateRegistry(ctx context.Context, r api.RegistryDetails) error {
	_, err := tx.Exec(
		ctx,
		`UPDATE registry SET name = $3, credential_type = $4, username = $5, aws = $6, connectors = $7,
			aws_account = $8, aws_region = $9, docker_org = $10, updated = $11
		WHERE world = $1 AND id = $2`,
		tx.World,
		r.RegistryUUID,
		r.RegistryName,
		r.CredentialType,
		r.Credential.Username,
		asJSON(&r.AWS),
		asJSON(&r.Connectors),
		r.AWS.AccountID,
		r.AWS.Region,
		r.DockerHubOrg,
		tx.Now,
	)
	return err
}

// HideRegistry takes a registry out of sight for a job that deletes it; from then on its address is
// free. It reports whether there was one to hide, or the job had hidden it before.
func (tx *Tx) HideRegistry(ctx context.Context, id, job string) (bool, error) {
	n, err := tx.Exec(
		ctx,
		`UPDATE registry SET deletion = $3 WHERE world = $1 AND id = $2 AND (deletion = '' OR deletion = $3)`,
		tx.World, id, job,
	)
	return n > 0, err
}

// DeleteRegistry removes a hidden registry whose schedules are gone, with its repositories and
// counts.
func (tx *Tx) DeleteRegistry(ctx context.Context, id string) error {
	for _, query := range []string{
		`DELETE FROM repository WHERE world = $1 AND registry = $2`,
		`DELETE FROM schedule_count WHERE world = $1 AND registry = $2`,
		`DELETE FROM image WHERE world = $1 AND sha IN (SELECT here.sha FROM image_place AS here
			WHERE here.world = $1 AND here.registry = $2
			AND NOT EXISTS (SELECT 1 FROM image_place AS there WHERE there.world = $1 AND there.sha = here.sha
			AND there.registry <> $2))`,
		`DELETE FROM image_place WHERE world = $1 AND registry = $2`,
		`DELETE FROM registry WHERE world = $1 AND id = $2 AND deletion <> ''`,
	} {
		if _, err := tx.Exec(ctx, query, tx.World, id); err != nil {
			return err
		}
	}
	return nil
}
