package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

const patience = 10 * time.Second

func authorizer(name string) tlsconfig.Authorizer {
	if name == "any" {
		return tlsconfig.AuthorizeAny()
	}
	return tlsconfig.AuthorizeID(spiffeid.RequireFromString(name))
}

// serve answers every peer that it authorizes with a line, until standard input is closed.
func serve(ctx context.Context, args []string) {
	source, err := workloadapi.NewX509Source(ctx)
	if fail("source", err) {
		return
	}
	listener, err := spiffetls.ListenWithMode(ctx, "tcp", "127.0.0.1:0", spiffetls.MTLSServerWithSource(authorizer(args[0]), source))
	if fail("listen", err) {
		return
	}
	emit("listening", fields{"port": listener.Addr().(*net.TCPAddr).Port})
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(connection)
		}
	}()
	eachLine(func([]string) {})
}

func answer(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	text, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		emit("refused", fields{"message": err.Error()})
		return
	}
	peer, err := spiffetls.PeerIDFromConn(connection)
	if err != nil {
		emit("refused", fields{"message": err.Error()})
		return
	}
	emit("accepted", fields{"peer": peer.String(), "text": strings.TrimSpace(text)})
	fmt.Fprintln(connection, "hello from go")
}

// dial connects to each target once, or again and again until standard input is closed.
func dial(ctx context.Context, args []string) {
	source, err := workloadapi.NewX509Source(ctx)
	if fail("source", err) {
		return
	}
	var every time.Duration
	if args[0] == "--every" {
		milliseconds, _ := strconv.Atoi(args[1])
		every, args = time.Duration(milliseconds)*time.Millisecond, args[2:]
	}
	if every == 0 {
		dialAll(ctx, source, args)
		emit("done", nil)
		return
	}
	go func() {
		eachLine(func([]string) {})
		os.Exit(0)
	}()
	for {
		dialAll(ctx, source, args)
		time.Sleep(every)
	}
}

func dialAll(ctx context.Context, source *workloadapi.X509Source, targets []string) {
	for _, target := range targets {
		who, port, _ := strings.Cut(target, "@")
		if err := greet(ctx, source, target, authorizer(who), "127.0.0.1:"+port); err != nil {
			emit("refused", fields{"target": target, "message": err.Error()})
		}
	}
}

func greet(ctx context.Context, source *workloadapi.X509Source, target string, authorize tlsconfig.Authorizer, address string) error {
	connection, err := spiffetls.DialWithMode(ctx, "tcp", address, spiffetls.MTLSClientWithSource(authorize, source),
		spiffetls.WithDialer(&net.Dialer{Timeout: patience}))
	if err != nil {
		return err
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	fmt.Fprintln(connection, "hello from go")
	text, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return err
	}
	peer, err := spiffetls.PeerIDFromConn(connection)
	if err != nil {
		return err
	}
	state := connection.(interface{ ConnectionState() tls.ConnectionState }).ConnectionState()
	emit("connected", fields{
		"target": target, "peer": peer.String(), "text": strings.TrimSpace(text), "protocol": tls.VersionName(state.Version),
		"serial": state.PeerCertificates[0].SerialNumber.Text(16),
	})
	return nil
}
