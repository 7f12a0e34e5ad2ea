package scan

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/qcsdev/qcs/gen/api"
	"github.com/qcsdev/qcs/openapi"
	"github.com/qcsdev/qcs/server/internal/store"
)

// Inventory has the contents of registries by registryUri. It is a Source that is read from a file.
type Inventory map[string]Contents

// Contents are the repositories of a registry, by name.
type Contents map[string]Tags

// Tags are the tags of a repository, by name.
type Tags map[string]Item

// Item is what a tag points to.
type Item struct {
	// Version is the same for tags that point to one image; default: the tag itself.
	Version string `json:"version"`
	// Digest is the SHA-256 of the image, 64 hexadecimal digits; default: generated from the
	// version.
	Digest string `json:"digest"`
	// Created is when the image was built; default: at most thirty days before the first scan.
	Created time.Time `json:"created"`
	// Size is in bytes; default: generated.
	Size int64 `json:"size"`
}

// Handles implements Source.
func (v Inventory) Handles(uri string) bool {
	_, known := v[uri]
	return known
}

// List implements Source.
func (v Inventory) List(_ context.Context, uri string, _ []Selector) (Contents, error) {
	return v[uri], nil
}

// madeUp has the generated tags of each repository of a registry that no source handles.
var madeUp = Tags{
	"1.0.0": {}, "1.1.0": {}, "1.2.0": {}, "stable": {Version: "1.1.0"}, "latest": {Version: "1.2.0"},
}

// Host returns the host of a registryUri.
func Host(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return uri
	}
	return u.Host
}

// number returns a pseudo-random number, which depends on the words only.
func number(words ...any) uint64 {
	sum := sha256.Sum256(fmt.Append(nil, words...))
	return binary.BigEndian.Uint64(sum[:8])
}

// imageAge bounds the age of an image at its first scan.
const imageAge = 30 * 24 * time.Hour

// image returns the image that a scan finds at a place.
func image(at api.AssociatedRegistry, item Item, scanned openapi.Millis) store.ScannedImage {
	name := cmp.Or(item.Digest, at.Registry+"/"+at.Repo+":"+cmp.Or(item.Version, at.Tag))
	sum := sha256.Sum256([]byte(name))
	f := store.ScannedImage{Scanned: scanned, Size: item.Size, Created: openapi.MillisOf(item.Created)}
	f.AssociatedRegistry = at
	f.Sha = cmp.Or(item.Digest, hex.EncodeToString(sum[:]))
	f.UUID = uuid.NewSHA1(uuid.NameSpaceOID, sum[:]).String()
	if f.Size == 0 {
		f.Size = int64(number(sum, "size")%(400<<20)) + 5<<20
	}
	if f.Created == 0 {
		f.Created = scanned.Add(-time.Duration(number(sum, "age") % uint64(imageAge)))
	}
	f.Vulnerabilities = len(Vulnerabilities(f.Sha))
	return f
}
