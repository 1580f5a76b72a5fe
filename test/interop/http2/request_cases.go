package main

import (
	"fmt"

	"golang.org/x/net/http2"
)

type setting = http2.Setting

const (
	uploadOctets   = 8000
	paddingOctets  = 255
	windowsToSpend = 4
)

// requestCases are about what a client sends.
var requestCases = []call{
	{"ping", "PING is answered with its payload, also during a call (RFC 9113 §6.7)", on(pings)},
	{"trailers", "a request may end with trailers (§8.1)", on(trailers)},
	{"pieces", "a message may come octet by octet, with empty and padded frames between (§6.1)", on(pieces)},
	{"padding", "padding counts for the windows, and is given back (§6.1)", on(padding)},
	{"uploads", "many requests, more than the window of the connection together (§6.9)", on(uploads)},
	{"cancelled-uploads", "the window of the connection comes back for requests that were reset (§6.9.1, §5.4.2)", on(cancelledUploads)},
	{"late-data", "data that was under way when its call ended counts for the connection (§5.1, §6.9.1)", on(lateData)},
	{"table-0", "a client without a header table is told that it is not used, and it is not (§4.3.1)", on(callsInARow, noTable)},
	{"table-0-later", "the same on a connection in use, and back (§4.3.1)", on(tableChanges)},
}

var noTable = setting{ID: http2.SettingHeaderTableSize, Val: 0}

func pings(c *client, in world) error {
	if err := c.barrier(); err != nil {
		return err
	}
	call, err := c.fetch(0)
	if err != nil {
		return err
	}
	payloads := [][8]byte{{}, {1, 2, 3, 4, 5, 6, 7, 8}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	before := len(c.pongs)
	for _, each := range payloads {
		if err := c.framer.WritePing(false, each); err != nil {
			return err
		}
	}
	if err := c.until("answers to PING", func() bool { return len(c.pongs) == before+len(payloads) }); err != nil {
		return err
	}
	for at, each := range payloads {
		if c.pongs[before+at] != each {
			return fmt.Errorf("PING %v was answered with %v", each, c.pongs[before+at])
		}
	}
	return c.answered(call, in.spiffeID)
}

func trailers(c *client, in world) error {
	for range 3 {
		call, err := c.begin()
		if err != nil {
			return err
		}
		if err := c.send(call, requestOf(0), -1, false); err != nil {
			return err
		}
		if err := c.headers(call, true, field("x-trailer", "late"), field("x-another", "later")); err != nil {
			return err
		}
		if err := c.answered(call, in.spiffeID); err != nil {
			return err
		}
	}
	return nil
}

func pieces(c *client, in world) error {
	call, err := c.begin()
	if err != nil {
		return err
	}
	for at, octet := range requestOf(20) {
		if err := c.send(call, nil, -1, false); err != nil {
			return err
		}
		if err := c.send(call, []byte{octet}, at, false); err != nil {
			return err
		}
	}
	if err := c.send(call, nil, paddingOctets, true); err != nil {
		return err
	}
	return c.answered(call, in.spiffeID)
}

// widest is the larger one of the windows that the server has granted.
func (c *client) widest() int64 {
	return max(c.sendWindow, int64(c.settings[http2.SettingInitialWindowSize]))
}

func padding(c *client, in world) error {
	limit := windowsToSpend * c.widest()
	const frameOctets = paddingOctets + 2
	request := requestOf(min(int(limit/frameOctets), 1<<14-1))
	call, err := c.begin()
	if err != nil {
		return err
	}
	for at := range request {
		if err := c.send(call, request[at:at+1], paddingOctets, at == len(request)-1); err != nil {
			return fmt.Errorf("after %d frames of %d octets: %w", at, frameOctets, err)
		}
	}
	return c.answered(call, in.spiffeID)
}

// spend makes requests until the window of the connection has been used up several times.
func (c *client) spend(request func(nth int) error) error {
	count := int(windowsToSpend*c.widest()/uploadOctets) + 1
	for nth := range count {
		if err := request(nth); err != nil {
			return fmt.Errorf("request %d of %d: %w", nth+1, count, err)
		}
	}
	return nil
}

func uploads(c *client, in world) error {
	return c.spend(func(int) error {
		call, err := c.fetch(uploadOctets)
		if err != nil {
			return err
		}
		if err := c.answered(call, in.spiffeID); err != nil {
			return err
		}
		return c.cancel(call)
	})
}

func (c *client) isAlive(in world) error {
	call, err := c.fetch(0)
	if err != nil {
		return err
	}
	return c.answered(call, in.spiffeID)
}

func cancelledUploads(c *client, in world) error {
	err := c.spend(func(int) error {
		call, err := c.begin()
		if err != nil {
			return err
		}
		// It ends before its message does.
		if err := c.send(call, requestOf(2 * uploadOctets)[:uploadOctets], -1, false); err != nil {
			return err
		}
		return c.cancel(call)
	})
	if err != nil {
		return err
	}
	return c.isAlive(in)
}

func lateData(c *client, in world) error {
	err := c.spend(func(int) error {
		call, err := c.begin()
		if err != nil {
			return err
		}
		// The message is larger than any that the server takes, so it ends the call; the client does not know yet.
		if err := c.send(call, []byte{0, 0x7f, 0xff, 0xff, 0xff}, -1, false); err != nil {
			return err
		}
		if err := c.send(call, make([]byte, uploadOctets), -1, false); err != nil {
			return err
		}
		if err := c.until("end of the call", call.isOver); err != nil {
			return err
		}
		return c.cancel(call)
	})
	if err != nil {
		return err
	}
	return c.isAlive(in)
}

// callsInARow makes calls one after the other, so that headers of later ones could refer to those of earlier ones. What reads
// headers sees a table that is larger than it may be.
func callsInARow(c *client, in world) error {
	for range 3 {
		if err := c.isAlive(in); err != nil {
			return err
		}
	}
	return nil
}

func tableChanges(c *client, in world) error {
	if err := callsInARow(c, in); err != nil {
		return err
	}
	for _, size := range []uint32{0, defaultTable, 100, 0, defaultTable} {
		if err := c.set(setting{ID: http2.SettingHeaderTableSize, Val: size}); err != nil {
			return err
		}
		if err := c.barrier(); err != nil {
			return err
		}
		if err := callsInARow(c, in); err != nil {
			return fmt.Errorf("with a table of %d: %w", size, err)
		}
	}
	return nil
}
