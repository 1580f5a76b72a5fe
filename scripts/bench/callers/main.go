// Workloads for the bench of the agent: it reads one JSON document, the job, from standard input and writes JSON lines to standard
// output. It is not JavaScript, so that the agent and its callers do not share a runtime, and speaks the Workload API by
// the libraries that workloads in Go use.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	workload "github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

type job struct {
	// "calls", "watch" or "first".
	Mode   string `json:"mode"`
	Socket string `json:"socket"`
	// Of calls: "FetchX509SVID" or "FetchJWTSVID".
	Method string `json:"method"`
	// How many workloads; each has a connection of its own, and one call on it.
	Callers    int `json:"callers"`
	WarmupMs   int `json:"warmupMs"`
	DurationMs int `json:"durationMs"`
	// Whose CPU time is read at both ends of the measured time.
	AgentPid int `json:"agentPid"`
}

// Every call carries the security header of the Workload API.
func callContext() context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), "workload.spiffe.io", "true")
}

func connect(socket string) (*grpc.ClientConn, error) {
	return grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// Reads the first answer of a stream and cancels it.
func fetchX509(ctx context.Context, client workload.SpiffeWorkloadAPIClient) (*workload.X509SVIDResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.FetchX509SVID(ctx, &workload.X509SVIDRequest{})
	if err != nil {
		return nil, err
	}
	answer, err := stream.Recv()
	if err == nil && len(answer.Svids) == 0 {
		err = fmt.Errorf("an answer without SVIDs")
	}
	return answer, err
}

func fetchJWT(ctx context.Context, client workload.SpiffeWorkloadAPIClient) error {
	answer, err := client.FetchJWTSVID(ctx, &workload.JWTSVIDRequest{Audience: []string{"orders"}})
	if err == nil && len(answer.Svids) == 0 {
		err = fmt.Errorf("an answer without tokens")
	}
	return err
}

// Unix milliseconds.
func now() float64 { return float64(time.Now().UnixMicro()) / 1000 }

func emit(line any) { _ = json.NewEncoder(os.Stdout).Encode(line) }

// Tries until there is an answer: when a workload that waits for its agent has its first SVID.
func first(j *job) error {
	connection, err := connect(j.Socket)
	if err != nil {
		return err
	}
	defer connection.Close()
	client := workload.NewSpiffeWorkloadAPIClient(connection)
	for limit := time.Now().Add(time.Minute); ; {
		_, err := os.Stat(j.Socket)
		if err == nil {
			if _, err = fetchX509(callContext(), client); err == nil {
				emit(map[string]any{"at": now()})
				return nil
			}
			connection.ResetConnectBackoff()
		}
		if time.Now().After(limit) {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func main() {
	input := bufio.NewReader(os.Stdin)
	var j job
	line, _ := input.ReadBytes('\n')
	err := json.Unmarshal(line, &j)
	if err == nil {
		switch j.Mode {
		case "calls":
			err = calls(&j)
		case "watch":
			err = watch(&j, input)
		case "first":
			err = first(&j)
		default:
			err = fmt.Errorf("no such mode: %q", j.Mode)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "callers:", err)
		os.Exit(1)
	}
}
