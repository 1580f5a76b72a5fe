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
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// An identity has a connection of its own and its own premade requests, which it sends in turn.
type identity struct {
	Cert   string   `json:"cert"`
	Key    string   `json:"key"`
	Bodies []string `json:"bodies"`
}

// A client has one request in flight. It goes round its identities, so that none of them asks more often than it may.
type client struct {
	Identities []identity `json:"identities"`
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
	SampleEvery int64 `json:"sampleEvery"`
	// Whose CPU time is read at both ends of the measured time.
	ServerPid int `json:"serverPid"`
	// Present: an open loop in place of the closed one, see open.go.
	Streams []stream `json:"streams"`
	// Of an open loop: an answer that takes longer is not normal.
	PatienceMs int `json:"patienceMs"`
	// Present: connections that are in the way, see crowd.go.
	Crowd *crowd `json:"crowd"`
}

type result struct {
	Requests    int            `json:"requests"`
	Seconds     float64        `json:"seconds"`
	P50Ms       float64        `json:"p50_ms"`
	P99Ms       float64        `json:"p99_ms"`
	LoadCPUUs   float64        `json:"load_cpu_us"`
	ServerCPUUs float64        `json:"server_cpu_us"`
	Statuses    map[string]int `json:"statuses"`
	Samples     []string       `json:"samples"`
	Errors      []string       `json:"errors"`
}

// What is kept of answers at most, for each client.
const maxSamples = 500

type connection struct {
	tls      *tls.Conn
	reader   *bufio.Reader
	requests [][]byte
	next     int
}

func open(j *job, path, contentType string, id identity, pool *x509.CertPool) (*connection, error) {
	pair, err := tls.X509KeyPair([]byte(id.Cert), []byte(id.Key))
	if err != nil {
		return nil, err
	}
	conn, err := tls.Dial("tcp", j.Address, &tls.Config{
		RootCAs: pool, ServerName: j.ServerName, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
	})
	if err != nil {
		return nil, err
	}
	c := &connection{tls: conn, reader: bufio.NewReaderSize(conn, 64*1024)}
	for _, body := range id.Bodies {
		c.requests = append(c.requests, []byte(fmt.Sprintf(
			"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
			path, j.Address, contentType, len(body), body)))
	}
	return c, nil
}

func (c *connection) exchange() (int, http.Header, []byte, error) {
	if _, err := c.tls.Write(c.requests[c.next%len(c.requests)]); err != nil {
		return 0, nil, nil, err
	}
	c.next++
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, body, err
}

func (c *connection) ask() (int, []byte, error) {
	status, _, body, err := c.exchange()
	return status, body, err
}

type worker struct {
	connections []*connection
	latencies   []time.Duration
	statuses    map[string]int
	samples     []string
	err         error
}

func (w *worker) run(sampleEvery int64, answered *atomic.Int64, start, end time.Time) {
	for n := 0; ; n++ {
		began := time.Now()
		if began.After(end) {
			return
		}
		status, body, err := w.connections[n%len(w.connections)].ask()
		if err != nil {
			w.err = err
			return
		}
		if began.Before(start) {
			continue
		}
		w.latencies = append(w.latencies, time.Since(began))
		w.statuses[fmt.Sprint(status)]++
		if (answered.Add(1)%sampleEvery == 0 || status != 200) && len(w.samples) < maxSamples {
			w.samples = append(w.samples, string(body))
		}
	}
}

func cpu() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// User and system time of the server so far, in the kernel's ticks of 10 ms; 0 where there is no /proc.
func serverTicks(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name of the program may hold spaces, but it ends with the last parenthesis.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return user + system
}

func (w *worker) connect(j *job, c client, pool *x509.CertPool) error {
	w.statuses = map[string]int{}
	for _, id := range c.Identities {
		connection, err := open(j, j.Path, j.ContentType, id, pool)
		if err != nil {
			return err
		}
		w.connections = append(w.connections, connection)
	}
	return nil
}

func connectAll(j *job) ([]worker, error) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(j.CA))
	workers := make([]worker, len(j.Clients))
	// All at once: a server closes connections that ask nothing for too long.
	failed := make(chan error, len(j.Clients))
	for i := range j.Clients {
		go func(w *worker, c client) { failed <- w.connect(j, c, pool) }(&workers[i], j.Clients[i])
	}
	for range j.Clients {
		if err := <-failed; err != nil {
			return nil, err
		}
	}
	return workers, nil
}

func summarise(workers []worker, out *result) {
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
	}
}

func main() {
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		fmt.Fprintln(os.Stderr, "load: the job is not JSON:", err)
		os.Exit(2)
	}
	if j.Crowd != nil {
		holdCrowd(&j, os.Stdin)
		return
	}
	if j.Streams != nil {
		out, err := runOpen(&j)
		if err != nil {
			fmt.Fprintln(os.Stderr, "load: cannot connect:", err)
			os.Exit(1)
		}
		_ = json.NewEncoder(os.Stdout).Encode(out)
		return
	}
	workers, err := connectAll(&j)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load: cannot connect:", err)
		os.Exit(1)
	}
	start := time.Now().Add(time.Duration(j.WarmupMs) * time.Millisecond)
	end := start.Add(time.Duration(j.DurationMs) * time.Millisecond)
	var wait sync.WaitGroup
	var answered atomic.Int64
	for i := range workers {
		wait.Add(1)
		go func(w *worker) {
			defer wait.Done()
			w.run(j.SampleEvery, &answered, start, end)
		}(&workers[i])
	}
	time.Sleep(time.Until(start))
	ownBefore, serverBefore := cpu(), serverTicks(j.ServerPid)
	time.Sleep(time.Until(end))
	ownAfter, serverAfter := cpu(), serverTicks(j.ServerPid)
	wait.Wait()

	out := result{Seconds: float64(j.DurationMs) / 1000, Statuses: map[string]int{}, Samples: []string{}, Errors: []string{}}
	summarise(workers, &out)
	if out.Requests > 0 {
		out.LoadCPUUs = float64((ownAfter - ownBefore).Microseconds()) / float64(out.Requests)
		out.ServerCPUUs = float64(serverAfter-serverBefore) * 10_000 / float64(out.Requests)
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}
