package main

import (
	"errors"
	"fmt"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"
)

// A header of this size goes into blocks of several frames.
const maxHeaderBytes = 4000

// conformance runs every case of h2spec, the strict ones too, over the bridge.
func conformance(socket string, report func(result)) error {
	port, err := bridge(socket)
	if err != nil {
		return err
	}
	settings := &config.Config{
		Host:         "127.0.0.1",
		Port:         port,
		Path:         fetchX509SVID,
		Timeout:      patience,
		MaxHeaderLen: maxHeaderBytes,
		Strict:       true,
	}
	for _, group := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		if err := runGroup(group, socket, settings, report); err != nil {
			return err
		}
	}
	return nil
}

func runGroup(group *spec.TestGroup, socket string, settings *config.Config, report func(result)) error {
	for at, each := range append(group.Tests, group.StrictTests...) {
		if err := awaitServer(socket); err != nil {
			return err
		}
		if err := each.Test(settings, at+1); err != nil {
			return err
		}
		line := result{
			Case:    fmt.Sprintf("%s/%d", group.ID(), at+1),
			Title:   each.Desc,
			Outcome: passed,
		}
		switch {
		case each.Result.Skipped:
			line.Outcome = skipped
		case each.Result.Failed:
			line.Outcome, line.Detail = failed, detailOf(each.Result.Error)
		}
		report(line.unlessGone(socket))
	}
	for _, inner := range group.Groups {
		if err := runGroup(inner, socket, settings, report); err != nil {
			return err
		}
	}
	return nil
}

func detailOf(err error) string {
	var wrong *spec.TestError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("expected one of %q, not %s", wrong.Expected, wrong.Actual)
	}
	return err.Error()
}
