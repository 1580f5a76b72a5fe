package main

import (
	"sort"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

// RFC 5280 with the RFCs that complete it, and what the community has learned. The rules of the web PKI are not ours.
var sources = lint.SourceList{
	lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.Community,
}

func registry() lint.Registry {
	filtered, err := lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: sources})
	if err != nil {
		panic(err)
	}
	return filtered
}

var lints = registry()

// Every certificate of the chain and its roots.
func lintChain(s sample) ([]string, error) {
	found := map[string]bool{}
	for _, der := range append(ders(s.Chain), ders(s.Roots)...) {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		for name, result := range zlint.LintCertificateEx(certificate, lints).Results {
			if result.Status >= lint.Notice {
				found[name] = true
			}
		}
	}
	names := []string{}
	for name := range found {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, nil
}

var zlintReader = reader{
	introduction: introduction{Reader: "zlint", Kinds: []string{"x509"}, Rules: []string{}, GoodOnly: true},
	lint:         lintChain,
}
