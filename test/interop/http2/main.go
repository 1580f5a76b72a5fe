// Holds the agent's socket against HTTP/2: `http2 conformance SOCKET` runs h2spec, `http2 calls GROUP SOCKET SPIFFE-ID` cases of
// our own. Prints one JSON object a line for each case, and {"ask": …} when the driver is to do something.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	fetchX509SVID = "/SpiffeWorkloadAPI/FetchX509SVID"
	// How long anything may take that is due.
	patience = 5 * time.Second
)

func run(args []string) error {
	output := json.NewEncoder(os.Stdout)
	// The tool talks on the standard output, where results go.
	os.Stdout = os.Stderr
	report := func(line result) { output.Encode(line) }
	switch {
	case len(args) == 2 && args[0] == "conformance":
		return conformance(args[1], report)
	case len(args) == 4 && args[0] == "calls" && groups[args[1]] != nil:
		ask := func(what string) error { return output.Encode(map[string]string{"ask": what}) }
		return calls(args[1], world{socket: args[2], spiffeID: args[3], ask: ask}, report)
	default:
		return errors.New("usage: http2 conformance SOCKET | http2 calls GROUP SOCKET SPIFFE-ID")
	}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
