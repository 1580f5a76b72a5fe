package main

import (
	"context"

	"github.com/go-jose/go-jose/v4"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

var jwtsvidAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.RS256, jose.PS256}

func params(audience []string, subject string) (jwtsvid.Params, error) {
	asked := jwtsvid.Params{Audience: audience[0], ExtraAudiences: audience[1:]}
	if subject == "" {
		return asked, nil
	}
	id, err := spiffeid.FromString(subject)
	asked.Subject = id
	return asked, err
}

// fetch asks for everything once.
func fetch(ctx context.Context, audience []string) {
	client, err := workloadapi.New(ctx)
	if fail("connect", err) {
		return
	}
	defer client.Close()
	if svid, err := client.FetchX509SVID(ctx); !fail("svid", err) {
		emit("svid", svidFields(svid))
	}
	if x509, err := client.FetchX509Context(ctx); !fail("x509", err) {
		emit("x509", contextFields(x509))
	}
	if bundles, err := client.FetchX509Bundles(ctx); !fail("x509bundles", err) {
		emit("x509bundles", fields{"bundles": x509Bundles(bundles)})
	}
	if bundles, err := client.FetchJWTBundles(ctx); !fail("jwtbundles", err) {
		emit("jwtbundles", fields{"bundles": jwtBundles(bundles)})
	}
	asked, err := params(audience, "")
	if fail("jwt", err) {
		return
	}
	if tokens, err := client.FetchJWTSVIDs(ctx, asked); !fail("jwt", err) {
		emit("jwt", tokenFields(tokens))
	}
	emit("done", nil)
}

// wit asks for the profile that is still being written.
func wit(ctx context.Context, _ []string) {
	client, err := workloadapi.New(ctx)
	if fail("connect", err) {
		return
	}
	defer client.Close()
	_, err = client.FetchWITSVID(ctx, "")
	fail("wit", err)
	_, err = client.FetchWITBundles(ctx)
	fail("witbundles", err)
	emit("done", nil)
}
