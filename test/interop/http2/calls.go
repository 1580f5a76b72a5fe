package main

import (
	"fmt"
	"slices"
	"time"
)

// world is what a case is given.
type world struct {
	socket   string
	spiffeID string
	// ask has the driver do something.
	ask func(what string) error
}

// call is a case of ours; it fails with what it returns.
type call struct {
	name  string
	title string
	run   func(world) error
}

// groups of cases: `small` and `stop` for a workload of one identity, `large` for one of so many that its answer is larger than
// the windows of HTTP/2.
var groups = map[string][]call{
	"small": slices.Concat(requestCases, streamCases, brokenCases), "large": answerCases, "stop": stopCases,
}

// calls runs a group of cases, each on connections of its own.
func calls(group string, in world, report func(result)) error {
	least := 0
	if group == "large" {
		least = largeOctets
	}
	if err := settled(in, least); err != nil {
		return err
	}
	for _, each := range groups[group] {
		if err := awaitServer(in.socket); err != nil {
			return err
		}
		line := result{Case: "calls/" + each.name, Title: each.title, Outcome: passed}
		if err := each.run(in); err != nil {
			line.Outcome, line.Detail = failed, err.Error()
		}
		if group != "stop" {
			line = line.unlessGone(in.socket)
		}
		report(line)
	}
	return nil
}

// settled waits until the identities are there, and no more of them come.
func settled(in world, least int) error {
	const most, interval = time.Minute, 500 * time.Millisecond
	var octets int
	var err error
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(interval) {
		before := octets
		if octets, err = answerSize(in); err == nil && octets >= least && octets == before {
			return nil
		}
	}
	return fmt.Errorf("no answer of %d octets or more: %d octets, %v", least, octets, err)
}

func answerSize(in world) (int, error) {
	connection, err := dial(in.socket)
	if err != nil {
		return 0, err
	}
	defer connection.close()
	call, err := connection.fetch(0)
	if err != nil {
		return 0, err
	}
	err = connection.answered(call, in.spiffeID)
	return len(call.data), err
}

// on runs a case on one connection.
func on(run func(*client, world) error, settings ...setting) func(world) error {
	return func(in world) error {
		connection, err := dial(in.socket, settings...)
		if err != nil {
			return err
		}
		defer connection.close()
		return run(connection, in)
	}
}
