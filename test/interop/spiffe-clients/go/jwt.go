package main

import (
	"context"
	"strings"

	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// tokens does what the lines of standard input say: fetch AUDIENCE[,AUDIENCE] [ID], validate AUDIENCE TOKEN.
func tokens(ctx context.Context, _ []string) {
	client, err := workloadapi.New(ctx)
	if fail("connect", err) {
		return
	}
	defer client.Close()
	eachLine(func(words []string) {
		switch words[0] {
		case "fetch":
			subject := ""
			if len(words) > 2 {
				subject = words[2]
			}
			asked, err := params(strings.Split(words[1], ","), subject)
			if fail("jwt", err) {
				return
			}
			if tokens, err := client.FetchJWTSVIDs(ctx, asked); !fail("jwt", err) {
				emit("jwt", tokenFields(tokens))
			}
		case "validate":
			validate(ctx, client, words[1], words[2])
		}
	})
}

// validate asks the agent, then looks for itself with the bundles of the agent.
func validate(ctx context.Context, client *workloadapi.Client, audience, token string) {
	verdict("agent", func() (*jwtsvid.SVID, error) { return client.ValidateJWTSVID(ctx, token, audience) })
	verdict("local", func() (*jwtsvid.SVID, error) {
		bundles, err := client.FetchJWTBundles(ctx)
		if err != nil {
			return nil, err
		}
		return jwtsvid.ParseAndValidate(token, bundles, []string{audience})
	})
}

func verdict(by string, judge func() (*jwtsvid.SVID, error)) {
	svid, err := judge()
	if err != nil {
		emit("invalid", fields{"by": by, "code": codeOf(err), "message": err.Error()})
		return
	}
	emit("valid", fields{"by": by, "id": svid.ID.String()})
}
