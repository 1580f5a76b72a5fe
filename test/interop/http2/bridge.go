package main

import (
	"errors"
	"io"
	"net"
	"time"
)

// How long a server has to end after its client has: nobody reads what it says then.
const farewell = time.Second

// bridge listens on a port of loopback, and joins each connection there with one of its own to the Unix socket, octet by
// octet. It returns the port.
func bridge(socket string) (int, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	go func() {
		for {
			client, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			go join(client, socket)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func join(client *net.TCPConn, socket string) {
	defer client.Close()
	server, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, err := io.Copy(server, client)
		if err != nil && !fromServer(err) {
			// The client has reset the connection.
			server.Close()
			return
		}
		server.CloseWrite()
		server.SetReadDeadline(time.Now().Add(farewell))
		// What is read on here goes nowhere. Closed over unread octets, TCP would reset instead, and the client might
		// lose the last words of the server.
		io.Copy(io.Discard, client)
	}()
	// A reset of the server ends this as well: whoever asks whether the connection is closed sees that it is.
	io.Copy(client, server)
	client.CloseWrite()
	client.SetReadDeadline(time.Now().Add(farewell))
	io.Copy(io.Discard, client)
}

// fromServer tells whether the copy to the server ended because that does not read any more.
func fromServer(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "write"
}
