package store

import (
	"context"

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

// Connector is any of the three JSON types, which name the columns of one table differently.
type Connector interface {
	api.Connector | api.ACRConnector | api.GCPConnector
}

const connectorColumns = `id, name, description, account, location`

// connectorFields returns the fields for the columns. The account of an AWS connector, which
// responses do not show, is a parameter; its column has the application of an Azure connector and
// the project of a Google connector.
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

// InsertConnector adds a connector. It returns ErrDuplicate if a connector has the same id (of AWS:
// the same role) or, for Azure and Google, the same name.
func InsertConnector[C Connector](ctx context.Context, tx *Tx, c C, account string) error {
	kind, fields := connectorFields(&c, account)
	return tx.runOne(ctx, "connector", ErrDuplicate,
		query(`INSERT INTO connector (world, kind, created, `+connectorColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			append([]any{tx.World, kind, tx.Now}, fields...)...))
}

// Connectors lists the connectors of a kind by name; only those of an account unless it is empty.
func Connectors[C Connector](ctx context.Context, tx *Tx, account string) ([]C, error) {
	kind, _ := connectorFields(new(C), "")
	fields := func(c *C) []any { _, fields := connectorFields(c, ""); return fields }
	return collect(ctx, tx, fields, query(`SELECT `+connectorColumns+` FROM connector
		WHERE world = $1 AND kind = $2 AND ($3 = '' OR account = $3) ORDER BY name, id`, tx.World, kind, account))
}

// FindConnector reads the connector of a kind that has an id or else, unless name is empty, that
// name. It returns ErrNotFound if there is none.
func FindConnector[C Connector](ctx context.Context, tx *Tx, id, name string) (c C, err error) {
	kind, fields := connectorFields(&c, "")
	err = tx.find(ctx, "connector", fields, query(`SELECT `+connectorColumns+` FROM connector
		WHERE world = $1 AND kind = $2 AND (id = $3 OR $4 <> '' AND name = $4)
		ORDER BY CASE id WHEN $3 THEN 0 ELSE 1 END, id LIMIT 1`,
		tx.World, kind, id, name))
	return c, err
}

// SetLocation stores the location of the registry that uses a Google connector.
func (tx *Tx) SetLocation(ctx context.Context, id, location string) error {
	return tx.run(ctx, `UPDATE connector SET location = $3 WHERE world = $1 AND kind = 'GCP' AND id = $2`,
		tx.World, id, location)
}
