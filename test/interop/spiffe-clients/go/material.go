package main

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func svidFields(svid *x509svid.SVID) fields {
	leaf := svid.Certificates[0]
	return fields{
		"id": svid.ID.String(), "serial": leaf.SerialNumber.Text(16), "notAfter": leaf.NotAfter.Unix(), "hint": svid.Hint,
		"chain": len(svid.Certificates),
	}
}

func contextFields(x509 *workloadapi.X509Context) fields {
	svids := []fields{}
	for _, svid := range x509.SVIDs {
		svids = append(svids, svidFields(svid))
	}
	return fields{"svids": svids, "bundles": x509Bundles(x509.Bundles)}
}

// x509Bundles gives the SHA-256 of every authority, by trust domain.
func x509Bundles(set *x509bundle.Set) map[string][]string {
	bundles := map[string][]string{}
	for _, bundle := range set.Bundles() {
		hashes := []string{}
		for _, authority := range bundle.X509Authorities() {
			hash := sha256.Sum256(authority.Raw)
			hashes = append(hashes, hex.EncodeToString(hash[:]))
		}
		bundles[bundle.TrustDomain().Name()] = hashes
	}
	return bundles
}

// jwtBundles gives every key id, by trust domain.
func jwtBundles(set *jwtbundle.Set) map[string][]string {
	bundles := map[string][]string{}
	for _, bundle := range set.Bundles() {
		kids := []string{}
		for kid := range bundle.JWTAuthorities() {
			kids = append(kids, kid)
		}
		bundles[bundle.TrustDomain().Name()] = kids
	}
	return bundles
}

func tokenFields(svids []*jwtsvid.SVID) fields {
	tokens := []fields{}
	for _, svid := range svids {
		tokens = append(tokens, fields{
			"id": svid.ID.String(), "audience": svid.Audience, "exp": svid.Expiry.Unix(), "hint": svid.Hint, "token": svid.Marshal(),
			"kid": keyIDOf(svid.Marshal()),
		})
	}
	return fields{"tokens": tokens}
}

func keyIDOf(token string) string {
	parsed, err := jwt.ParseSigned(token, jwtsvidAlgorithms)
	if err != nil {
		return ""
	}
	return parsed.Headers[0].KeyID
}
