package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	workload "github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
)

type figures struct {
	Calls   int     `json:"calls"`
	Seconds float64 `json:"seconds"`
	P50Ms   float64 `json:"p50_ms"`
	P99Ms   float64 `json:"p99_ms"`
	// CPU time of one call in microseconds, on either side.
	AgentCPUUs  float64 `json:"agent_cpu_us"`
	CallerCPUUs float64 `json:"caller_cpu_us"`
}

type caller struct {
	client    workload.SpiffeWorkloadAPIClient
	latencies []time.Duration
	err       error
}

// One call after the other, each counted from before it is made until its answer is read.
func (c *caller) run(call func(workload.SpiffeWorkloadAPIClient) error, start, end time.Time) {
	for {
		began := time.Now()
		if began.After(end) {
			return
		}
		if c.err = call(c.client); c.err != nil {
			return
		}
		if !began.Before(start) {
			c.latencies = append(c.latencies, time.Since(began))
		}
	}
}

func ownCPU() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// User and system time of a process so far, in the kernel's ticks of 10 ms.
func ticksOf(pid int) int {
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

func callOf(method string) (func(workload.SpiffeWorkloadAPIClient) error, error) {
	ctx := callContext()
	switch method {
	case "FetchX509SVID":
		return func(client workload.SpiffeWorkloadAPIClient) error {
			_, err := fetchX509(ctx, client)
			return err
		}, nil
	case "FetchJWTSVID":
		return func(client workload.SpiffeWorkloadAPIClient) error { return fetchJWT(ctx, client) }, nil
	}
	return nil, fmt.Errorf("no such method: %q", method)
}

func connectCallers(j *job) ([]*caller, error) {
	callers := make([]*caller, j.Callers)
	for i := range callers {
		connection, err := connect(j.Socket)
		if err != nil {
			return nil, err
		}
		callers[i] = &caller{client: workload.NewSpiffeWorkloadAPIClient(connection)}
	}
	return callers, nil
}

// A closed loop: each caller has one call in flight.
func calls(j *job) error {
	call, err := callOf(j.Method)
	if err != nil {
		return err
	}
	callers, err := connectCallers(j)
	if err != nil {
		return err
	}
	start := time.Now().Add(time.Duration(j.WarmupMs) * time.Millisecond)
	end := start.Add(time.Duration(j.DurationMs) * time.Millisecond)
	var wait sync.WaitGroup
	for _, c := range callers {
		wait.Go(func() { c.run(call, start, end) })
	}
	time.Sleep(time.Until(start))
	ownBefore, agentBefore := ownCPU(), ticksOf(j.AgentPid)
	time.Sleep(time.Until(end))
	own, agent := ownCPU()-ownBefore, ticksOf(j.AgentPid)-agentBefore
	wait.Wait()

	var all []time.Duration
	for _, c := range callers {
		if c.err != nil {
			return c.err
		}
		all = append(all, c.latencies...)
	}
	if len(all) == 0 {
		return fmt.Errorf("no answer")
	}
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	ms := func(at int) float64 { return float64(all[at].Microseconds()) / 1000 }
	count := float64(len(all))
	emit(figures{
		Calls: len(all), Seconds: float64(j.DurationMs) / 1000, P50Ms: ms(len(all) / 2), P99Ms: ms(len(all) * 99 / 100),
		AgentCPUUs: float64(agent) * 10_000 / count, CallerCPUUs: float64(own.Microseconds()) / count,
	})
	return nil
}
