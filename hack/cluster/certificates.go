package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The cluster is thrown away long before this is over.
const certificateLifetime = 10 * 365 * 24 * time.Hour

// identity is a certificate to be issued: to whom, and for which addresses if it
// is a server's.
type identity struct {
	file         string
	authority    string
	commonName   string
	organization string
	servesAt     []string
}

const (
	clusterAuthority    = "ca"
	frontProxyAuthority = "front-proxy-ca"
)

// identities are the same as kubeadm's, with those names that RBAC and the node
// authorizer know.
var identities = []identity{
	{
		file: "apiserver", authority: clusterAuthority, commonName: "kube-apiserver",
		servesAt: []string{
			"127.0.0.1", nodeAddress, apiService, "localhost", "kubernetes", "kubernetes.default",
			"kubernetes.default.svc", "kubernetes.default.svc." + clusterDomain,
		},
	},
	{file: "kubelet-server", authority: clusterAuthority, commonName: "system:node:" + nodeName, servesAt: []string{nodeAddress, nodeName}},
	{file: "kubelet", authority: clusterAuthority, commonName: "system:node:" + nodeName, organization: "system:nodes"},
	{file: "apiserver-kubelet-client", authority: clusterAuthority, commonName: "kube-apiserver-kubelet-client", organization: "system:masters"},
	{file: "admin", authority: clusterAuthority, commonName: "kubernetes-admin", organization: "system:masters"},
	{file: "kube-controller-manager", authority: clusterAuthority, commonName: "system:kube-controller-manager"},
	{file: "kube-scheduler", authority: clusterAuthority, commonName: "system:kube-scheduler"},
	{file: "kube-proxy", authority: clusterAuthority, commonName: "system:kube-proxy"},
	{file: "front-proxy-client", authority: frontProxyAuthority, commonName: "front-proxy-client"},
}

type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// makeCertificates fills a folder with all keys and certificates of a cluster.
// The folder gets its name when it is complete, and is then kept.
func makeCertificates(folder string) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	making := folder + ".making"
	if err := os.RemoveAll(making); err != nil {
		return fmt.Errorf("remove half-made certificates: %w", err)
	}
	if err := os.MkdirAll(making, 0o700); err != nil {
		return fmt.Errorf("make a folder for certificates: %w", err)
	}
	authorities := map[string]authority{}
	for _, name := range []string{clusterAuthority, frontProxyAuthority} {
		issued, err := makeAuthority(making, name)
		if err != nil {
			return fmt.Errorf("make the authority %s: %w", name, err)
		}
		authorities[name] = issued
	}
	for _, identity := range identities {
		if err := issue(making, authorities[identity.authority], identity); err != nil {
			return fmt.Errorf("issue the certificate %s: %w", identity.file, err)
		}
	}
	if err := makeServiceAccountKey(making); err != nil {
		return err
	}
	if err := os.Rename(making, folder); err != nil {
		return fmt.Errorf("put the certificates in place: %w", err)
	}
	return nil
}

func makeAuthority(folder, name string) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	template := certificateTemplate(pkix.Name{CommonName: name})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage |= x509.KeyUsageCertSign
	certificate, err := writeCertificate(folder, name, template, authority{template, key}, key)
	return authority{certificate, key}, err
}

func issue(folder string, issuer authority, identity identity) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	subject := pkix.Name{CommonName: identity.commonName}
	if identity.organization != "" {
		subject.Organization = []string{identity.organization}
	}
	template := certificateTemplate(subject)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(identity.servesAt) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for _, address := range identity.servesAt {
		if ip := net.ParseIP(address); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, address)
		}
	}
	_, err = writeCertificate(folder, identity.file, template, issuer, key)
	return err
}

func certificateTemplate(subject pkix.Name) *x509.Certificate {
	// Random, as the serial number has to differ within an authority.
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    now.Add(-time.Hour), // for a clock that is set back
		NotAfter:     now.Add(certificateLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func writeCertificate(folder, name string, template *x509.Certificate, issuer authority, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, key.Public(), issuer.key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(filepath.Join(folder, name+".crt"), "CERTIFICATE", der); err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := writePEM(filepath.Join(folder, name+".key"), "EC PRIVATE KEY", keyDER); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func makeServiceAccountKey(folder string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make the key for service accounts: %w", err)
	}
	return writePEM(filepath.Join(folder, "service-accounts.key"), "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

func writePEM(path, kind string, der []byte) error {
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
