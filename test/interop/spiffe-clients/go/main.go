// Command client is a workload that takes its identity from go-spiffe. Every program of this suite has the same commands and
// prints the same events, one JSON object a line; the README of the folder says which.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type fields map[string]any

var stdout sync.Mutex

// emit prints an event.
func emit(event string, more fields) {
	line := fields{"ts": time.Now().UnixMilli(), "event": event}
	for key, value := range more {
		line[key] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	stdout.Lock()
	defer stdout.Unlock()
	fmt.Println(string(text))
}

// fail prints what a call ended with, and whether it did end badly.
func fail(call string, err error) bool {
	if err == nil {
		return false
	}
	emit("error", fields{"call": call, "code": codeOf(err), "message": err.Error()})
	return true
}

// codeOf gives the number of a gRPC status somewhere in the chain of errors, or nil.
func codeOf(err error) any {
	var carrier interface{ GRPCStatus() *status.Status }
	if errors.As(err, &carrier) && carrier.GRPCStatus().Code() != codes.OK {
		return int(carrier.GRPCStatus().Code())
	}
	return nil
}

// eachLine hands on the lines of standard input until it is closed.
func eachLine(do func(words []string)) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		do(strings.Split(lines.Text(), "\t"))
	}
}

func main() {
	ctx := context.Background()
	run := map[string]func(context.Context, []string){
		"fetch": fetch, "watch": watch, "jwt": tokens, "serve": serve, "dial": dial, "sds": sds, "wit": wit,
	}
	if len(os.Args) < 2 || run[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: client fetch AUDIENCE... | watch | jwt | serve AUTHORIZE | dial [--every MS] AUTHORIZE@PORT... | sds | wit")
		os.Exit(2)
	}
	run[os.Args[1]](ctx, os.Args[2:])
}
