package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/knadh/koanf/v2"
)

// certificateLife is how long a generated certificate is valid.
const certificateLife = 30 * 24 * time.Hour

// certificate returns the certificate for HTTPS; nil for HTTP.
func certificate(k *koanf.Koanf) (*tls.Certificate, error) {
	cert, key := k.String(keyTLSCert), k.String(keyTLSKey)
	switch {
	case (cert == "") != (key == ""):
		return nil, fmt.Errorf("set both %s and %s, or neither", keyTLSCert, keyTLSKey)
	case cert != "":
		pair, err := tls.LoadX509KeyPair(cert, key)
		return &pair, err
	case !k.Bool(keyTLS):
		return nil, nil
	}
	pair, err := selfSigned(time.Now())
	if err != nil || k.String(keyData) == ":memory:" {
		return pair, err
	}
	// Clients need the file to trust the certificate, as in curl --cacert.
	path := filepath.Join(k.String(keyData), "tls.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	return pair, errors.Join(os.MkdirAll(k.String(keyData), 0o700), os.WriteFile(path, text, 0o600))
}

// selfSigned returns a new certificate for this machine. Its key never leaves the process.
func selfSigned(now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "qcsd"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(certificateLife),
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
