package main

import (
	"context"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type watcher struct{}

func (watcher) OnX509ContextUpdate(x509 *workloadapi.X509Context) { emit("x509", contextFields(x509)) }
func (watcher) OnX509ContextWatchError(err error)                 { fail("x509", err) }
func (watcher) OnJWTBundlesUpdate(bundles *jwtbundle.Set) {
	emit("jwtbundles", fields{"bundles": jwtBundles(bundles)})
}
func (watcher) OnJWTBundlesWatchError(err error) { fail("jwtbundles", err) }

// watch follows both streams and an X509Source until standard input is closed.
func watch(ctx context.Context, _ []string) {
	client, err := workloadapi.New(ctx)
	if fail("connect", err) {
		return
	}
	go func() { ended("x509", client.WatchX509Context(ctx, watcher{})) }()
	go func() { ended("jwtbundles", client.WatchJWTBundles(ctx, watcher{})) }()
	go follow(ctx)
	eachLine(func([]string) {})
}

// ended tells that the library gave up.
func ended(call string, err error) {
	emit("ended", fields{"call": call, "code": codeOf(err), "message": err.Error()})
}

func follow(ctx context.Context) {
	source, err := workloadapi.NewX509Source(ctx)
	if fail("source", err) {
		return
	}
	for {
		if svid, err := source.GetX509SVID(); !fail("source", err) {
			emit("source", svidFields(svid))
		}
		if source.WaitUntilUpdated(ctx) != nil {
			return
		}
	}
}
