package main

import (
	"fmt"

	"golang.org/x/net/http2"
)

const largestWindow = 1<<31 - 1

// brokenCases are what h2spec tries on a request that a gRPC server has refused by then: here it is on calls under way.
var brokenCases = []call{
	{"window-overflow", "too large a window of a call ends it with FLOW_CONTROL_ERROR (§6.9.1)", on(windowOverflow)},
	{"headers-amid", "a second block of headers that does not end the request is malformed (§8.1)", on(headersAmid)},
	{"pseudo-trailers", "trailers with a pseudo-header are malformed (§8.1)", on(pseudoTrailers)},
	{"content-length", "a request with its length is answered (§8.1.1)", on(rightLength)},
	{"content-length-less", "a request of fewer octets than its length says is malformed (§8.1.1)", on(wrongLength(0, 100))},
	{"content-length-more", "a request of more octets than its length says is malformed (§8.1.1)", on(wrongLength(100, 50))},
	{"after-reset", "what comes after a reset is ignored, or STREAM_CLOSED (§5.1)", on(afterReset)},
}

// endsWith waits until a call has ended with an error of HTTP/2, which may end the whole connection (§5.4).
func (c *client) endsWith(on *stream, in world, code http2.ErrCode) error {
	if err := c.until("error", func() bool { return on.isOver() || c.goAway != nil }); err != nil {
		return fmt.Errorf("%v: %w", on, err)
	}
	if c.goAway != nil {
		if c.goAway.ErrCode != code {
			return fmt.Errorf("GOAWAY %s", c.goAway.ErrCode)
		}
		return c.until("end of the connection", func() bool { return c.isClosed })
	}
	if on.reset == nil || *on.reset != code {
		return fmt.Errorf("not %s: %v", code, on)
	}
	return c.isAlive(in)
}

func windowOverflow(c *client, in world) error {
	call, err := c.begin()
	if err != nil {
		return err
	}
	for range 2 {
		if err := c.framer.WriteWindowUpdate(call.id, largestWindow); err != nil {
			return err
		}
	}
	return c.endsWith(call, in, http2.ErrCodeFlowControl)
}

func headersAmid(c *client, in world) error {
	call, err := c.begin()
	if err != nil {
		return err
	}
	if err := c.headers(call, false, field("x-more", "headers")); err != nil {
		return err
	}
	return c.endsWith(call, in, http2.ErrCodeProtocol)
}

func pseudoTrailers(c *client, in world) error {
	call, err := c.begin()
	if err != nil {
		return err
	}
	if err := c.headers(call, true, field(":method", "POST")); err != nil {
		return err
	}
	return c.endsWith(call, in, http2.ErrCodeProtocol)
}

func rightLength(c *client, in world) error {
	request := requestOf(100)
	call, err := c.begin(field("content-length", fmt.Sprint(len(request))))
	if err != nil {
		return err
	}
	// Padding is no content.
	if err := c.send(call, request[:10], paddingOctets, false); err != nil {
		return err
	}
	if err := c.send(call, request[10:], -1, true); err != nil {
		return err
	}
	return c.answered(call, in.spiffeID)
}

func wrongLength(octets, length int) func(*client, world) error {
	return func(c *client, in world) error {
		request := requestOf(octets)
		call, err := c.begin(field("content-length", fmt.Sprint(length)))
		if err != nil {
			return err
		}
		half := len(request) / 2
		if err := c.send(call, request[:half], -1, false); err != nil {
			return err
		}
		if err := c.send(call, request[half:], -1, true); err != nil {
			return err
		}
		return c.endsWith(call, in, http2.ErrCodeProtocol)
	}
}

func afterReset(c *client, in world) error {
	for _, write := range []func(*stream) error{
		func(on *stream) error { return c.send(on, requestOf(0), -1, true) },
		func(on *stream) error { return c.headers(on, true, field("x-trailer", "late")) },
		func(on *stream) error { return c.credit(on, 1) },
		func(on *stream) error { return c.cancel(on) },
	} {
		call, err := c.begin()
		if err != nil {
			return err
		}
		if err := c.cancel(call); err != nil {
			return err
		}
		if err := write(call); err != nil {
			return err
		}
		if err := c.barrier(); c.goAway != nil {
			return c.endsWith(call, in, http2.ErrCodeStreamClosed)
		} else if err != nil {
			return err
		}
		if call.fields != nil || call.reset != nil && *call.reset != http2.ErrCodeStreamClosed {
			return fmt.Errorf("an answer: %v", call)
		}
	}
	return c.isAlive(in)
}
