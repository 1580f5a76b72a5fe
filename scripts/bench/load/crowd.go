package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Connections that are in the way: how many of each kind. A connection that the server ends is opened again a second later.
type crowd struct {
	// A TCP connection that never begins its handshake.
	Silent int `json:"silent"`
	// A client certificate, one request, then nothing.
	Idle int `json:"idle"`
	// Headers that come an octet a second.
	Headers int `json:"headers"`
	// A body that comes an octet a second, after headers that are fine.
	Body int `json:"body"`
	// Asks for large answers and reads none.
	Unread int `json:"unread"`
	// Whose certificates they show, in turn.
	Identities []identity `json:"identities"`
}

type crowdResult struct {
	// Open at the end.
	Open int64 `json:"open"`
	// How often the server ended one.
	Ended int64 `json:"ended"`
}

type crowdMaker struct {
	address string
	config  *tls.Config
	pairs   []tls.Certificate
	opening chan struct{}
	open    atomic.Int64
	ended   atomic.Int64
}

func (m *crowdMaker) tls(n int) (net.Conn, error) {
	config := m.config.Clone()
	config.Certificates = []tls.Certificate{m.pairs[n%len(m.pairs)]}
	return tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", m.address, config)
}

func (m *crowdMaker) tcp(int) (net.Conn, error) {
	return net.DialTimeout("tcp", m.address, 20*time.Second)
}

// Reads until the server ends the connection.
func untilEnded(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn)
}

func silent(conn net.Conn, _ string) { untilEnded(conn) }

func idle(conn net.Conn, host string) {
	_, _ = fmt.Fprintf(conn, "GET /livez HTTP/1.1\r\nHost: %s\r\n\r\n", host)
	untilEnded(conn)
}

func drip(head string) func(net.Conn, string) {
	return func(conn net.Conn, host string) {
		done := make(chan struct{})
		go func() { untilEnded(conn); close(done) }()
		_, err := fmt.Fprintf(conn, head, host)
		for err == nil {
			select {
			case <-done:
				return
			case <-time.After(time.Second):
				_, err = conn.Write([]byte(" "))
			}
		}
	}
}

const slowHeaders = "POST /v1/svids/x509 HTTP/1.1\r\nHost: %s\r\nX-Slow:"
const slowBody = "POST /v1/svids/x509 HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 4096\r\n\r\n{"

// As many as a server may let wait on one connection.
const asked = 16

func unread(conn net.Conn, host string) {
	request := fmt.Sprintf("GET /openapi.json HTTP/1.1\r\nHost: %s\r\n\r\n", host)
	_, err := conn.Write([]byte(strings.Repeat(request, asked)))
	for err == nil {
		time.Sleep(time.Second)
		_, err = conn.Write([]byte("\r\n"))
	}
}

func (m *crowdMaker) keep(n int, dial func(int) (net.Conn, error), behave func(net.Conn, string), first *sync.WaitGroup) {
	for {
		m.opening <- struct{}{}
		conn, err := dial(n)
		<-m.opening
		if first != nil {
			first.Done()
			first = nil
		}
		if err == nil {
			m.open.Add(1)
			behave(conn, m.address)
			_ = conn.Close()
			m.open.Add(-1)
		}
		m.ended.Add(1)
		time.Sleep(time.Second)
	}
}

// Opens the crowd, says "ready" on a line, and holds it until standard input ends.
func holdCrowd(j *job, rest io.Reader) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(j.CA))
	m := &crowdMaker{
		address: j.Address,
		config:  &tls.Config{RootCAs: pool, ServerName: j.ServerName, MinVersion: tls.VersionTLS13},
		opening: make(chan struct{}, 32),
	}
	for _, id := range j.Crowd.Identities {
		pair, err := tls.X509KeyPair([]byte(id.Cert), []byte(id.Key))
		if err != nil {
			fmt.Fprintln(os.Stderr, "load: no key pair:", err)
			os.Exit(2)
		}
		m.pairs = append(m.pairs, pair)
	}
	var first sync.WaitGroup
	start := func(count int, dial func(int) (net.Conn, error), behave func(net.Conn, string)) {
		for n := 0; n < count; n++ {
			first.Add(1)
			go m.keep(n, dial, behave, &first)
		}
	}
	start(j.Crowd.Silent, m.tcp, silent)
	start(j.Crowd.Idle, m.tls, idle)
	start(j.Crowd.Headers, m.tls, drip(slowHeaders))
	start(j.Crowd.Body, m.tls, drip(slowBody))
	start(j.Crowd.Unread, m.tls, unread)
	first.Wait()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, rest)
	_ = json.NewEncoder(os.Stdout).Encode(crowdResult{Open: m.open.Load(), Ended: m.ended.Load()})
}
