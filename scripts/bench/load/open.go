package main

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A phase of an open loop: requests are due at a steady rate, whether or not the ones before were answered.
type phase struct {
	Rate       float64 `json:"rate"`
	DurationMs int     `json:"durationMs"`
}

// A stream of requests of one kind. Each identity has a connection of its own; several may be the same identity.
type stream struct {
	Name        string     `json:"name"`
	Path        string     `json:"path"`
	ContentType string     `json:"contentType"`
	Identities  []identity `json:"identities"`
	Phases      []phase    `json:"phases"`
}

// What became of the requests of one phase. Latencies count from the moment at which a request was due.
type phaseResult struct {
	Due        int            `json:"due"`
	Seconds    float64        `json:"seconds"`
	Statuses   map[string]int `json:"statuses"`
	P50Ms      float64        `json:"p50_ms"`
	P99Ms      float64        `json:"p99_ms"`
	RefusedP50 float64        `json:"refused_p50_ms"`
	RefusedP99 float64        `json:"refused_p99_ms"`
	// Refusals with Retry-After.
	RetryAfter int `json:"retry_after"`
	// When, after the phase began, things were normal for good: the end of the last tenth of a second in which more than one
	// request of twenty was refused, failed, or took longer than `patienceMs`.
	SettledMs float64 `json:"settled_ms"`
}

type streamResult struct {
	Name    string        `json:"name"`
	Phases  []phaseResult `json:"phases"`
	Samples []string      `json:"samples"`
	Errors  []string      `json:"errors"`
}

// How much of a core each side used in one phase.
type usage struct {
	Load   float64 `json:"load"`
	Server float64 `json:"server"`
}

type openResult struct {
	Streams []streamResult `json:"streams"`
	// In the phases of the first stream.
	CPU []usage `json:"cpu"`
}

// One answer: when it was due after the start of its phase, how long it took from then, and what it was.
type observation struct {
	phase      int
	due, took  time.Duration
	status     int
	retryAfter bool
}

// The moment, phase and moment within its phase of the nth request; false when there are no more.
func (s *stream) due(n int64) (time.Duration, int, time.Duration, bool) {
	var before time.Duration
	for at, p := range s.Phases {
		length := time.Duration(p.DurationMs) * time.Millisecond
		count := int64(p.Rate * length.Seconds())
		if n < count {
			within := time.Duration(float64(n) / p.Rate * float64(time.Second))
			return before + within, at, within, true
		}
		n -= count
		before += length
	}
	return 0, 0, 0, false
}

type streamWorker struct {
	connection   *connection
	observations []observation
	samples      []string
	errors       []string
}

// Takes the next request that is due, again and again: the busier the others are, the later it is sent, and that counts.
func (w *streamWorker) run(s *stream, next *atomic.Int64, start time.Time, sampleEvery int64, reopen func() (*connection, error)) {
	for {
		n := next.Add(1) - 1
		at, phase, within, more := s.due(n)
		if !more {
			return
		}
		intended := start.Add(at)
		time.Sleep(time.Until(intended))
		seen := observation{phase: phase, due: within}
		status, header, body, err := w.ask(reopen)
		seen.took = time.Since(intended)
		if err != nil {
			if len(w.errors) < 4 {
				w.errors = append(w.errors, err.Error())
			}
		} else {
			seen.status = status
			seen.retryAfter = header.Get("Retry-After") != ""
			if (status == 200 && n%sampleEvery == 0 || status >= 500 && status != 503) && len(w.samples) < maxSamples {
				w.samples = append(w.samples, body)
			}
		}
		w.observations = append(w.observations, seen)
	}
}

func (w *streamWorker) ask(reopen func() (*connection, error)) (int, http.Header, string, error) {
	if w.connection == nil {
		opened, err := reopen()
		if err != nil {
			return 0, nil, "", err
		}
		w.connection = opened
	}
	status, header, body, err := w.connection.exchange()
	if err != nil || header.Get("Connection") == "close" {
		_ = w.connection.tls.Close()
		w.connection = nil
	}
	return status, header, string(body), err
}

func percentile(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[len(sorted)*percent/100].Microseconds()) / 1000
}

const window = 100 * time.Millisecond

// The end of the last window that was not normal.
func settled(p phase, of []observation, patience time.Duration) time.Duration {
	windows := make([]struct{ all, odd int }, time.Duration(p.DurationMs)*time.Millisecond/window+1)
	for _, seen := range of {
		at := seen.due / window
		windows[at].all++
		if seen.status != 200 || seen.took > patience {
			windows[at].odd++
		}
	}
	for at := len(windows) - 1; at >= 0; at-- {
		if windows[at].odd*20 > windows[at].all {
			return time.Duration(at+1) * window
		}
	}
	return 0
}

func summarisePhase(p phase, of []observation, patience time.Duration) phaseResult {
	out := phaseResult{Due: len(of), Seconds: float64(p.DurationMs) / 1000, Statuses: map[string]int{}}
	var served, refused []time.Duration
	for _, seen := range of {
		out.Statuses[strconv.Itoa(seen.status)]++
		if seen.status == 200 {
			served = append(served, seen.took)
		} else {
			refused = append(refused, seen.took)
		}
		if seen.retryAfter {
			out.RetryAfter++
		}
	}
	sort.Slice(served, func(a, b int) bool { return served[a] < served[b] })
	sort.Slice(refused, func(a, b int) bool { return refused[a] < refused[b] })
	out.P50Ms, out.P99Ms = percentile(served, 50), percentile(served, 99)
	out.SettledMs = float64(settled(p, of, patience).Milliseconds())
	out.RefusedP50, out.RefusedP99 = percentile(refused, 50), percentile(refused, 99)
	return out
}

func (s *stream) summarise(workers []*streamWorker, patience time.Duration) streamResult {
	out := streamResult{Name: s.Name, Samples: []string{}, Errors: []string{}}
	byPhase := make([][]observation, len(s.Phases))
	for _, w := range workers {
		out.Samples = append(out.Samples, w.samples...)
		out.Errors = append(out.Errors, w.errors...)
		for _, seen := range w.observations {
			byPhase[seen.phase] = append(byPhase[seen.phase], seen)
		}
	}
	for at, p := range s.Phases {
		out.Phases = append(out.Phases, summarisePhase(p, byPhase[at], patience))
	}
	return out
}

func watchUsage(phases []phase, start time.Time, pid int) []usage {
	var out []usage
	end := start
	for _, p := range phases {
		time.Sleep(time.Until(end))
		end = end.Add(time.Duration(p.DurationMs) * time.Millisecond)
		own, server := cpu(), serverTicks(pid)
		began := time.Now()
		time.Sleep(time.Until(end))
		seconds := time.Since(began).Seconds()
		out = append(out, usage{Load: (cpu() - own).Seconds() / seconds, Server: float64(serverTicks(pid)-server) / 100 / seconds})
	}
	return out
}

// Runs all streams at once. Rejects when it cannot even connect.
func runOpen(j *job) (*openResult, error) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(j.CA))
	all := make([][]*streamWorker, len(j.Streams))
	for at, s := range j.Streams {
		for _, id := range s.Identities {
			opened, err := open(j, s.Path, s.ContentType, id, pool)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.Name, err)
			}
			all[at] = append(all[at], &streamWorker{connection: opened})
		}
	}
	start := time.Now().Add(50 * time.Millisecond)
	var wait sync.WaitGroup
	for at := range j.Streams {
		next := new(atomic.Int64)
		for n := range all[at] {
			wait.Add(1)
			go func(s *stream, w *streamWorker, id identity) {
				defer wait.Done()
				w.run(s, next, start, j.SampleEvery, func() (*connection, error) { return open(j, s.Path, s.ContentType, id, pool) })
			}(&j.Streams[at], all[at][n], j.Streams[at].Identities[n])
		}
	}
	out := &openResult{CPU: watchUsage(j.Streams[0].Phases, start, j.ServerPid)}
	wait.Wait()
	patience := time.Duration(j.PatienceMs) * time.Millisecond
	for at := range j.Streams {
		out.Streams = append(out.Streams, j.Streams[at].summarise(all[at], patience))
	}
	return out, nil
}
