package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/knadh/koanf/v2"

	"github.com/qcsdev/qcs/server/internal/file"
)

// How long generated certificates are valid: those of the server, which each start generates, and
// that of the authority, which stays in the data folder.
const (
	certificateLife = 365 * 24 * time.Hour
	authorityLife   = 10 * certificateLife
)

// The files of the authority in the data folder: its key with its certificate, and a copy of the
// certificate for clients, as in curl --cacert.
const (
	authorityKey  = "ca.key"
	authorityFile = "ca.crt"
)

// certificate returns the certificate for HTTPS, or nil for HTTP. ca is the certificate of the
// authority in PEM if that is generated.
func certificate(k *koanf.Koanf) (pair *tls.Certificate, ca []byte, err error) {
	cert, key := k.String(keyTLSCert), k.String(keyTLSKey)
	hosts, err := hostNames(k, keyTLSHosts)
	generated := k.Bool(keyTLS) && cert == ""
	switch {
	case err != nil:
		return nil, nil, err
	case (cert == "") != (key == ""):
		return nil, nil, fmt.Errorf("set both %s and %s, or neither", keyTLSCert, keyTLSKey)
	case !generated && (len(hosts) > 0 || k.String(keyTLSCA) != ""):
		return nil, nil, fmt.Errorf("%s and %s need %s, without %s", keyTLSHosts, keyTLSCA, keyTLS, keyTLSCert)
	case cert != "":
		loaded, err := tls.LoadX509KeyPair(cert, key)
		return &loaded, nil, err
	case !generated:
		return nil, nil, nil
	}
	authority, err := loadAuthority(k.String(keyData), time.Now())
	if err != nil {
		return nil, nil, fmt.Errorf("certificate authority: %w", err)
	}
	if host, _, err := net.SplitHostPort(k.String(keyAddr)); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	if pair, err = issue(authority, hosts, time.Now()); err != nil {
		return nil, nil, err
	}
	ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate[0]})
	if path := k.String(keyTLSCA); path != "" {
		if err := file.Replace(path, ca); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", keyTLSCA, err)
		}
	}
	return pair, ca, nil
}

// loadAuthority returns the authority of a data folder, which it creates if there is none or if its
// certificate ends before that of the server would. ":memory:": a new one.
func loadAuthority(folder string, now time.Time) (*tls.Certificate, error) {
	if folder == ":memory:" {
		return newAuthority(now)
	}
	path := filepath.Join(folder, authorityKey)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	authority, err := tls.X509KeyPair(text, text)
	if len(text) > 0 && err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(text) == 0 || authority.Leaf.NotAfter.Before(now.Add(certificateLife)) {
		created, err := newAuthority(now)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(file.MakeFolder(folder), saveAuthority(path, created)); err != nil {
			return nil, err
		}
		authority = *created
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate[0]})
	return &authority, file.Replace(filepath.Join(folder, authorityFile), public)
}

// saveAuthority writes key and certificate to one file, so that they always belong together.
func saveAuthority(path string, authority *tls.Certificate) error {
	key, err := x509.MarshalPKCS8PrivateKey(authority.PrivateKey)
	if err != nil {
		return err
	}
	text := slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate[0]}),
	)
	return file.Replace(path, text)
}

// newAuthority returns a certificate authority for this machine.
func newAuthority(now time.Time) (*tls.Certificate, error) {
	template := newTemplate(now, authorityLife)
	template.Subject.CommonName = "qcsd authority " + template.SerialNumber.Text(36)
	template.KeyUsage = x509.KeyUsageCertSign
	template.IsCA, template.MaxPathLenZero = true, true
	return sign(template, nil)
}

// issue returns a certificate of the authority for this machine and some names. Its key never
// leaves the process.
func issue(authority *tls.Certificate, hosts []string, now time.Time) (*tls.Certificate, error) {
	template := newTemplate(now, certificateLife)
	template.Subject.CommonName = "qcsd"
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	template.DNSNames = []string{"localhost"}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return sign(template, authority)
}

func newTemplate(now time.Time, life time.Duration) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(life),
		BasicConstraintsValid: true,
	}
}

// sign returns a new key with a certificate that an authority signs; nil: the key signs itself.
func sign(template *x509.Certificate, authority *tls.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	parent, signer := template, crypto.PrivateKey(key)
	if authority != nil {
		parent, signer = authority.Leaf, authority.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}
