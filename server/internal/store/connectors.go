package store

import (
	"context"
	"fmt"

	"github.com/qcsdev/qcs/gen/api"
)

// ConnectorKind is the provider of a connector.
type ConnectorKind string

// The kinds.
const (
	AWSConnector ConnectorKind = "AWS"
	ACRConnector ConnectorKind = "ACR"
	GCPConnector ConnectorKind = "GCP"
)

// Connector is any of the three wire types, which name the columns of one table each in its own
// way.
type Connector interface {
	api.Connector | api.ACRConnector | api.GCPConnector
}

const connectorColumns = `id, name, description, account, location`

// connectorFields names the fields behind the columns. The account of AWS, which the wire does not
// show, comes from the caller; the application of Azure and the project of Google take its place.
func connectorFields[C Connector](c *C, account string) (kind ConnectorKind, fields []any) {
	var none string
	switch c := any(c).(type) {
	case *api.Connector:
		return AWSConnector, []any{&c.Arn, &c.Name, &c.Description, &account, &none}
	case *api.ACRConnector:
		return ACRConnector, []any{&c.ACRConnectorID, &c.Name, &c.Description, &c.ApplicationID, &none}
	case *api.GCPConnector:
		return GCPConnector, []any{&c.GCPConnectorID, &c.Name, &c.Description, &c.GCPProjectID, &c.Location}
	}
	return "", nil
}

// InsertConnector adds a connector; ErrDuplicate says that one with its id (of AWS: its role), or
// of Azure and Google with its name, exists.
func InsertConnector[C Connector](ctx context.Context, tx *Tx, c C, account string) error {
	kind, fields := connectorFields(&c, account)
	n, err := tx.Exec(
		ctx,
		`INSERT INTO connector (world, kind, created, `+connectorColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		append([]any{tx.World, kind, tx.Now}, fields...)...)
	if err == nil && n == 0 {
		err = ErrDuplicate
	}
	return err
}

// Connectors lists the connectors of a kind in the order of their names; of one account if that is
// not empty.
func Connectors[C Connector](ctx context.Context, tx *Tx, account string) ([]C, error) {
	var c C
	kind, _ := connectorFields(&c, "")
	return collect(
		ctx,
		tx,
		func(c *C) []any { _, fields := connectorFields(c, ""); return fields },
		statement{
			`SELECT ` + connectorColumns + ` FROM connector WHERE world = $1 AND kind = $2 AND ($3 = ''
				OR account = $3) ORDER BY name, id`,
			[]any{tx.World, kind, account},
		},
	)
}

// FindConnector reads the connector of a kind that has an id or, where a name is given, that name;
// or gives ErrNotFound.
func FindConnector[C Connector](ctx context.Context, tx *Tx, id, name string) (C, error) {
	var c C
	kind, fields := connectorFields(&c, "")
	if err := tx.Scan(
		ctx,
		fields,
		`SELECT `+connectorColumns+` FROM connector WHERE world = $1 AND kind = $2 AND (id = $3 OR $4 <> ''
			AND name = $4) ORDER BY id LIMIT 1`,
		tx.World,
		kind,
		id,
		name,
	); err != nil {
		return c, fmt.Errorf("connector: %w", err)
	}
	return c, nil
}

// SetLocation notes where the registry is that uses a Google connector.
func (tx *Tx) SetLocation(ctx context.Context, id, location string) error {
	_, err := tx.Exec(
		ctx, `UPDATE connector SET location = $3 WHERE world = $1 AND kind = 'GCP' AND id = $2`, tx.World, id,
		location,
	)
	return err
}
