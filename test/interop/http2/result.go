package main

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/net/http2"
)

const (
	passed  = "passed"
	failed  = "failed"
	skipped = "skipped"
	// The server does not serve others any more.
	gone = "gone"
)

// result is one line of what this program prints.
type result struct {
	Case    string `json:"case"`
	Title   string `json:"title"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail,omitempty"`
}

// unlessGone looks whether the server still serves others.
func (line result) unlessGone(socket string) result {
	if err := greet(socket); err != nil {
		line.Outcome, line.Detail = gone, fmt.Sprintf("%v; before: %s %s", err, line.Outcome, line.Detail)
	}
	return line
}

// awaitServer waits for a server that is being started again.
func awaitServer(socket string) error {
	const restart = 30 * time.Second
	var err error
	for end := time.Now().Add(restart); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err = greet(socket); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no server at %s: %w", socket, err)
}

// greet has a server say its SETTINGS.
func greet(socket string) error {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(patience))
	framer := http2.NewFramer(connection, connection)
	if _, err := connection.Write([]byte(http2.ClientPreface)); err != nil {
		return err
	}
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err
		}
		if settings, is := frame.(*http2.SettingsFrame); is && settings.IsAck() {
			return nil
		}
	}
}
