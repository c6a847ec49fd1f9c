package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

func TestCertificatesAreTrusted(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "pki")
	if err := makeCertificates(folder); err != nil {
		t.Fatal(err)
	}
	for _, identity := range identities {
		trusted := x509.NewCertPool()
		if !trusted.AppendCertsFromPEM(content(t, filepath.Join(folder, identity.authority+".crt"))) {
			t.Fatalf("%s isn't a certificate", identity.authority)
		}
		pair, err := tls.LoadX509KeyPair(filepath.Join(folder, identity.file+".crt"), filepath.Join(folder, identity.file+".key"))
		if err != nil {
			t.Errorf("%s: %v", identity.file, err)
			continue
		}
		usage := x509.ExtKeyUsageClientAuth
		if len(identity.servesAt) > 0 {
			usage = x509.ExtKeyUsageServerAuth
		}
		for _, address := range append(identity.servesAt, "") {
			_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: trusted, DNSName: address, KeyUsages: []x509.ExtKeyUsage{usage}})
			if err != nil {
				t.Errorf("%s at %q: %v", identity.file, address, err)
			}
		}
	}
}

func TestCertificatesAreKept(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "pki")
	if err := makeCertificates(folder); err != nil {
		t.Fatal(err)
	}
	before := content(t, filepath.Join(folder, "ca.crt"))
	if err := makeCertificates(folder); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, content(t, filepath.Join(folder, "ca.crt"))) {
		t.Error("a second call made other certificates")
	}
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
