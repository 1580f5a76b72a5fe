package main

import (
	"bufio"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	workload "github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
)

// What streams were told, as one line each.
type news struct {
	// "first" of the streams to hear of it, or "all" of them have.
	Event string  `json:"event"`
	At    float64 `json:"at"`
	Svids []svid  `json:"svids"`
	// Of the authorities of the own trust domain, in octets: changes when one comes or goes.
	Bundle int `json:"bundle"`
}

type svid struct {
	SpiffeID string `json:"spiffeId"`
	Hint     string `json:"hint"`
	Serial   string `json:"serial"`
	// Names the key of who signed it.
	Authority string `json:"authority"`
}

// How many streams have heard of each answer that not all have heard of.
type audience struct {
	mutex   sync.Mutex
	streams int
	heard   map[string]int
}

func contentOf(answer *workload.X509SVIDResponse) string {
	var content strings.Builder
	for _, each := range answer.Svids {
		content.WriteString(each.SpiffeId + "\n" + each.Hint + "\n")
		content.Write(each.X509Svid)
		content.Write(each.Bundle)
	}
	return content.String()
}

func newsOf(event string, at float64, answer *workload.X509SVIDResponse) news {
	line := news{Event: event, At: at}
	for _, each := range answer.Svids {
		line.Bundle = len(each.Bundle)
		shown := svid{SpiffeID: each.SpiffeId, Hint: each.Hint}
		if chain, err := x509.ParseCertificates(each.X509Svid); err == nil && len(chain) > 0 {
			shown.Serial = chain[0].SerialNumber.Text(16)
			shown.Authority = fmt.Sprintf("%x", chain[0].AuthorityKeyId)
		}
		line.Svids = append(line.Svids, shown)
	}
	return line
}

func (a *audience) hears(answer *workload.X509SVIDResponse) {
	at := now()
	content := contentOf(answer)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.heard[content]++
	count := a.heard[content]
	if count == 1 {
		emit(newsOf("first", at, answer))
	}
	if count == a.streams {
		emit(newsOf("all", at, answer))
		delete(a.heard, content)
	}
}

// Holds streams open until standard input ends. A stream that ends is the end of all.
func watch(j *job, input *bufio.Reader) error {
	all := &audience{streams: j.Callers, heard: map[string]int{}}
	for range j.Callers {
		connection, err := connect(j.Socket)
		if err != nil {
			return err
		}
		go func() {
			err := all.follow(workload.NewSpiffeWorkloadAPIClient(connection))
			fmt.Fprintln(os.Stderr, "callers: a stream ended:", err)
			os.Exit(1)
		}()
	}
	_, err := io.Copy(io.Discard, input)
	return err
}

func (a *audience) follow(client workload.SpiffeWorkloadAPIClient) error {
	stream, err := client.FetchX509SVID(callContext(), &workload.X509SVIDRequest{})
	for err == nil {
		var answer *workload.X509SVIDResponse
		if answer, err = stream.Recv(); err == nil {
			a.hears(answer)
		}
	}
	return err
}
