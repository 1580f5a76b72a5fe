package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	golang "github.com/golang-jwt/jwt/v5"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
)

var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.RS256}

// Every claim of the token, as read.
func claimsOf(claims map[string]any) facts { return facts(claims) }

func checkType(s sample, typ any) error {
	if s.Kind == "access-token" && typ != "at+jwt" {
		return fmt.Errorf("the typ is %v", typ)
	}
	return nil
}

func onlyKey(set jose.JSONWebKeySet, kid, alg string) (any, error) {
	for _, key := range set.Key(kid) {
		if key.Algorithm == alg {
			return key.Key, nil
		}
	}
	return nil, errors.New("no such key")
}

func readWithJose(s sample) (facts, error) {
	set, err := keySet(s.Keys)
	if err != nil {
		return nil, err
	}
	token, err := jwt.ParseSigned(string(content(s.Token)), algorithms)
	if err != nil {
		return nil, err
	}
	header := token.Headers[0]
	if err := checkType(s, header.ExtraHeaders[jose.HeaderType]); err != nil {
		return nil, err
	}
	key, err := onlyKey(set, header.KeyID, header.Algorithm)
	if err != nil {
		return nil, err
	}
	var registered jwt.Claims
	var all map[string]any
	if err := token.Claims(key, &registered, &all); err != nil {
		return nil, err
	}
	// The library takes a token without exp for one that never ends.
	if registered.Expiry == nil {
		return nil, errors.New("no exp")
	}
	expected := jwt.Expected{Issuer: s.Issuer, AnyAudience: jwt.Audience{s.Audience}, Time: time.Now()}
	return claimsOf(all), registered.ValidateWithLeeway(expected, 0)
}

func readWithGolangJwt(s sample) (facts, error) {
	set, err := keySet(s.Keys)
	if err != nil {
		return nil, err
	}
	options := []golang.ParserOption{
		golang.WithValidMethods([]string{"ES256", "ES384", "RS256"}),
		golang.WithExpirationRequired(),
		golang.WithAudience(s.Audience),
		golang.WithStrictDecoding(),
	}
	if s.Issuer != "" {
		options = append(options, golang.WithIssuer(s.Issuer))
	}
	claims := golang.MapClaims{}
	token, err := golang.ParseWithClaims(string(content(s.Token)), claims, func(token *golang.Token) (any, error) {
		kid, _ := token.Header["kid"].(string)
		return onlyKey(set, kid, token.Method.Alg())
	}, options...)
	if err != nil {
		return nil, err
	}
	return claimsOf(claims), checkType(s, token.Header["typ"])
}

func readJwtSvid(s sample) (facts, error) {
	bundle, err := spiffebundle.Parse(trustDomain, content(s.Bundle))
	if err != nil {
		return nil, err
	}
	svid, err := jwtsvid.ParseAndValidate(string(content(s.Token)), bundle, []string{s.Audience})
	if err != nil {
		return nil, err
	}
	if !slices.Contains(svid.Audience, s.Audience) {
		return nil, errors.New("another audience")
	}
	return claimsOf(svid.Claims), nil
}

var tokenKinds = []string{"jwt-svid", "access-token"}
var tokenRules = []string{"jwt", "access-token", "keys"}

var goJose = reader{
	introduction: introduction{Reader: "go-jose", Kinds: append([]string{"jwks"}, tokenKinds...), Rules: tokenRules},
	read: map[string]func(s sample) (facts, error){
		"jwks": readKeySet, "jwt-svid": readWithJose, "access-token": readWithJose,
	},
}

var golangJwt = reader{
	introduction: introduction{Reader: "golang-jwt", Kinds: tokenKinds, Rules: tokenRules},
	read: map[string]func(s sample) (facts, error){
		"jwt-svid": readWithGolangJwt, "access-token": readWithGolangJwt,
	},
}

var goSpiffe = reader{
	introduction: introduction{
		Reader: "go-spiffe",
		Kinds:  []string{"x509", "jwt-svid", "bundle"},
		Rules:  []string{"pkix", "x509-svid", "jwt", "jwt-svid", "keys"},
	},
	read: map[string]func(s sample) (facts, error){
		"x509": readSvid, "jwt-svid": readJwtSvid, "bundle": readBundle,
	},
}
