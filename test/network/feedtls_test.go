package network_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/client"
)

// TestFeedTLS: with client_ca a sender must have a certificate, and the one that
// its name asks for.
func TestFeedTLS(t *testing.T) {
	ctx := within(t, time.Minute)
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	ca.issue(t, "server", "localhost")
	ca.issue(t, "adt", "adt.north.example")
	ca.issue(t, "lab", "lab.north.example")
	c := newClinic(ctx, t, fmt.Sprintf("tls_cert = %q\ntls_key = %q\nclient_ca = %q\n", filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.pem"), filepath.Join(dir, "ca.pem"))+
		strings.ReplaceAll(senders, "name = \"adt\"", "name = \"adt\"\ncertificate = \"adt.north.example\""))
	connect := func(cert string) (*client.MLLP, error) {
		secure := &tls.Config{RootCAs: ca.pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
		if cert != "" {
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, cert+".pem"), filepath.Join(dir, cert+".pem"))
			if err != nil {
				t.Fatal(err)
			}
			secure.Certificates = []tls.Certificate{pair}
		}
		return client.DialMLLP(ctx, c.mllp, secure)
	}
	conn, err := connect("adt")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	mustSend(ctx, t, conn, "AA", admit("T1", "1", "Marsh^Edith"))
	other, err := connect("lab")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	mustSend(ctx, t, other, "AR", admit("T2", "1", "Marsh^Edith"))
	mustSend(ctx, t, other, "AA", result("T3", "1", "F-1", "1"))
	if nobody, err := connect(""); err == nil { // TLS 1.3 says it with the first answer
		defer nobody.Close()
		if ack, err := nobody.Send(ctx, admit("T4", "1", "Marsh^Edith")); err == nil {
			t.Errorf("who has no certificate gets %s", ack.Code)
		}
	}
	if open, err := client.DialMLLP(ctx, c.mllp, nil); err == nil {
		defer open.Close()
		if ack, err := open.Send(ctx, admit("T5", "1", "Marsh^Edith")); err == nil {
			t.Errorf("who speaks no TLS gets %s", ack.Code)
		}
	}
}

// authority issues certificates for a test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{dir: dir, cert: cert, key: key, pool: x509.NewCertPool()}
	a.pool.AddCert(cert)
	a.write(t, "ca", &pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func (a *authority) issue(t *testing.T, file, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, file, &pem.Block{Type: "CERTIFICATE", Bytes: der}, &pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func (a *authority) write(t *testing.T, file string, blocks ...*pem.Block) {
	t.Helper()
	var out []byte
	for _, b := range blocks {
		out = append(out, pem.EncodeToMemory(b)...)
	}
	if err := os.WriteFile(filepath.Join(a.dir, file+".pem"), out, 0o600); err != nil {
		t.Fatal(err)
	}
}
