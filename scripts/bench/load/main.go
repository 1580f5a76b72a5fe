// Load generator for the bench: a closed loop of TLS 1.3 connections with one request each in flight.
//
// It reads one JSON document from standard input and writes one to standard output. It is not JavaScript, so that the
// server and its load do not share a runtime, and it speaks HTTP/1.1 by hand, so that it costs little CPU itself.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"sync"
	"syscall"
	"time"
)

type client struct {
	Cert   string   `json:"cert"`
	Key    string   `json:"key"`
	Bodies []string `json:"bodies"`
}

type job struct {
	Address     string   `json:"address"`
	ServerName  string   `json:"serverName"`
	CA          string   `json:"ca"`
	Path        string   `json:"path"`
	ContentType string   `json:"contentType"`
	Clients     []client `json:"clients"`
	WarmupMs    int      `json:"warmupMs"`
	DurationMs  int      `json:"durationMs"`
	// Every how many answers one is kept whole, to be verified afterwards.
	SampleEvery int `json:"sampleEvery"`
}

type result struct {
	Requests int            `json:"requests"`
	Seconds  float64        `json:"seconds"`
	P50Ms    float64        `json:"p50_ms"`
	P99Ms    float64        `json:"p99_ms"`
	CPUUs    float64        `json:"cpu_us"`
	Statuses map[string]int `json:"statuses"`
	Samples  []string       `json:"samples"`
	Errors   []string       `json:"errors"`
}

type worker struct {
	latencies []time.Duration
	statuses  map[string]int
	samples   []string
	err       error
}

func (w *worker) run(j *job, c client, pool *x509.CertPool, start, end time.Time) {
	pair, err := tls.X509KeyPair([]byte(c.Cert), []byte(c.Key))
	if err != nil {
		w.err = err
		return
	}
	conn, err := tls.Dial("tcp", j.Address, &tls.Config{
		RootCAs: pool, ServerName: j.ServerName, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
	})
	if err != nil {
		w.err = err
		return
	}
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 64*1024)
	requests := make([][]byte, len(c.Bodies))
	for i, body := range c.Bodies {
		requests[i] = []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
			j.Path, j.Address, j.ContentType, len(body), body))
	}
	for n := 0; ; n++ {
		began := time.Now()
		if began.After(end) {
			return
		}
		if _, err := conn.Write(requests[n%len(requests)]); err != nil {
			w.err = err
			return
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			w.err = err
			return
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			w.err = err
			return
		}
		if began.Before(start) {
			continue
		}
		w.latencies = append(w.latencies, time.Since(began))
		w.statuses[fmt.Sprint(response.StatusCode)]++
		if response.StatusCode != 200 || (j.SampleEvery > 0 && n%j.SampleEvery == 0 && len(w.samples) < 200) {
			w.samples = append(w.samples, string(body))
		}
	}
}

func cpu() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		fmt.Fprintln(os.Stderr, "load: the job is not JSON:", err)
		os.Exit(2)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(j.CA))
	start := time.Now().Add(time.Duration(j.WarmupMs) * time.Millisecond)
	end := start.Add(time.Duration(j.DurationMs) * time.Millisecond)
	workers := make([]worker, len(j.Clients))
	var wait sync.WaitGroup
	for i := range workers {
		workers[i].statuses = map[string]int{}
		wait.Add(1)
		go func(w *worker, c client) {
			defer wait.Done()
			w.run(&j, c, pool, start, end)
		}(&workers[i], j.Clients[i])
	}
	wait.Wait()

	out := result{Seconds: float64(j.DurationMs) / 1000, Statuses: map[string]int{}, Samples: []string{}, Errors: []string{}}
	var all []time.Duration
	for i := range workers {
		all = append(all, workers[i].latencies...)
		out.Samples = append(out.Samples, workers[i].samples...)
		for status, count := range workers[i].statuses {
			out.Statuses[status] += count
		}
		if workers[i].err != nil {
			out.Errors = append(out.Errors, workers[i].err.Error())
		}
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	out.Requests = len(all)
	if len(all) > 0 {
		out.P50Ms = float64(all[len(all)/2].Microseconds()) / 1000
		out.P99Ms = float64(all[len(all)*99/100].Microseconds()) / 1000
		out.CPUUs = float64(cpu().Microseconds()) / float64(len(all))
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}
