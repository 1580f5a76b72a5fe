package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

var trustDomain = spiffeid.RequireTrustDomainFromString("example.org")

func ders(name string) [][]byte {
	var found [][]byte
	rest := content(name)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return found
		}
		found = append(found, block.Bytes)
	}
}

func certificates(name string) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for _, der := range ders(name) {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		found = append(found, certificate)
	}
	return found, nil
}

func namesOf(leaf *x509.Certificate) facts {
	uris, dnsNames := []string{}, []string{}
	for _, uri := range leaf.URIs {
		uris = append(uris, uri.String())
	}
	dnsNames = append(dnsNames, leaf.DNSNames...)
	return facts{
		"uris":       uris,
		"dnsNames":   dnsNames,
		"commonName": leaf.Subject.CommonName,
		"notAfter":   leaf.NotAfter.Unix(),
	}
}

var goX509 = reader{
	introduction: introduction{Reader: "go crypto/x509", Kinds: []string{"x509"}, Rules: []string{"pkix"}},
	read: map[string]func(s sample) (facts, error){"x509": func(s sample) (facts, error) {
		chain, err := certificates(s.Chain)
		if err != nil {
			return nil, err
		}
		roots, err := certificates(s.Roots)
		if err != nil {
			return nil, err
		}
		anchors, intermediates := x509.NewCertPool(), x509.NewCertPool()
		for _, root := range roots {
			anchors.AddCert(root)
		}
		for _, intermediate := range chain[1:] {
			intermediates.AddCert(intermediate)
		}
		leaf := chain[0]
		for _, host := range []string{s.Host, s.Address} {
			if host == "" {
				continue
			}
			if err := leaf.VerifyHostname(host); err != nil {
				return nil, err
			}
		}
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
			if _, err := leaf.Verify(x509.VerifyOptions{
				Roots:         anchors,
				Intermediates: intermediates,
				KeyUsages:     []x509.ExtKeyUsage{usage},
			}); err != nil {
				return nil, err
			}
		}
		return namesOf(leaf), nil
	}},
}

func readSvid(s sample) (facts, error) {
	roots, err := certificates(s.Roots)
	if err != nil {
		return nil, err
	}
	id, chains, err := x509svid.ParseAndVerify(ders(s.Chain), x509bundle.FromX509Authorities(trustDomain, roots))
	if err != nil {
		return nil, err
	}
	if len(chains) == 0 {
		return nil, errors.New("no chain")
	}
	found := namesOf(chains[0][0])
	found["uris"] = []string{id.String()}
	return found, nil
}
