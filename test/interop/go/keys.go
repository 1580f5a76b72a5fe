package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sort"

	"github.com/go-jose/go-jose/v4"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
)

func keySet(name string) (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	err := json.Unmarshal(content(name), &set)
	return set, err
}

func isSpoiled(s sample, found int) error {
	if s.Breaks != "" && found == 0 {
		return errors.New("nothing in it is usable")
	}
	return nil
}

func readKeySet(s sample) (facts, error) {
	set, err := keySet(s.Keys)
	if err != nil {
		return nil, err
	}
	kids := []string{}
	for _, key := range set.Keys {
		if !key.Valid() {
			return nil, errors.New("a key is not valid")
		}
		kids = append(kids, key.KeyID)
	}
	sort.Strings(kids)
	return facts{"kids": kids}, isSpoiled(s, len(kids))
}

func readBundle(s sample) (facts, error) {
	bundle, err := spiffebundle.Parse(trustDomain, content(s.Bundle))
	if err != nil {
		return nil, err
	}
	kids, authorities := []string{}, []string{}
	for kid := range bundle.JWTAuthorities() {
		kids = append(kids, kid)
	}
	for _, authority := range bundle.X509Authorities() {
		digest := sha256.Sum256(authority.Raw)
		authorities = append(authorities, hex.EncodeToString(digest[:]))
	}
	sort.Strings(kids)
	sort.Strings(authorities)
	found := facts{"x509": authorities, "kids": kids, "refreshHint": -1}
	if sequence, ok := bundle.SequenceNumber(); ok {
		found["sequence"] = sequence
	}
	if hint, ok := bundle.RefreshHint(); ok {
		found["refreshHint"] = hint.Seconds()
	}
	return found, isSpoiled(s, len(kids)+len(authorities))
}
