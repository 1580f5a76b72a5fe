package main

import (
	"bytes"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	defaultWindow    = 65_535
	defaultFrameSize = 16_384
	defaultTable     = 4096
	largestFrame     = 1<<24 - 1
)

// client speaks HTTP/2 frame by frame. It reads only while it waits for something, and keeps account of both directions: a
// server that sends more than it may is an error of whatever reads it.
type client struct {
	connection net.Conn
	framer     *http2.Framer
	encoder    *hpack.Encoder
	encoded    bytes.Buffer
	decoder    *hpack.Decoder
	// The size of the header table that the server uses, as it said, and the one that it may use.
	table        uint32
	allowedTable uint32
	nextStream   uint32

	// isStingy leaves it to the case to give the server credit.
	isStingy bool
	// What the server may send: on the connection, and on a stream that opens. Larger values hold once they are said,
	// smaller ones once the server has acknowledged them.
	window        int64
	initialWindow int64
	frameSize     uint32
	promised      []map[http2.SettingID]uint32

	// What the server allows us.
	sendWindow int64
	settings   map[http2.SettingID]uint32

	streams      map[uint32]*stream
	block        []byte
	isGreeted    bool
	acknowledged int
	pongs        [][8]byte
	goAway       *http2.GoAwayFrame
	isClosed     bool
}

// dial opens a connection, and waits until both sides have taken the other's settings.
func dial(socket string, settings ...http2.Setting) (*client, error) {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	made := &client{
		connection: connection, framer: http2.NewFramer(connection, connection), nextStream: 1,
		window: defaultWindow, initialWindow: defaultWindow, frameSize: defaultFrameSize, sendWindow: defaultWindow,
		settings: map[http2.SettingID]uint32{http2.SettingInitialWindowSize: defaultWindow},
		streams:  map[uint32]*stream{},
		decoder:  hpack.NewDecoder(defaultTable, nil), table: defaultTable, allowedTable: defaultTable,
	}
	made.framer.SetMaxReadFrameSize(largestFrame)
	made.encoder = hpack.NewEncoder(&made.encoded)
	if _, err := connection.Write([]byte(http2.ClientPreface)); err != nil {
		return nil, err
	}
	if err := made.set(settings...); err != nil {
		return nil, err
	}
	if err := made.until("SETTINGS", func() bool { return made.isGreeted && made.acknowledged == 1 }); err != nil {
		return nil, err
	}
	// What comes right behind its settings, such as a larger window, is there as well.
	return made, made.barrier()
}

func (c *client) close() { c.connection.Close() }

// set sends SETTINGS.
func (c *client) set(settings ...http2.Setting) error {
	said := map[http2.SettingID]uint32{}
	for _, each := range settings {
		said[each.ID] = each.Val
	}
	if size := said[http2.SettingMaxFrameSize]; size > c.frameSize {
		c.frameSize = size
	}
	if window := int64(said[http2.SettingInitialWindowSize]); window > c.initialWindow {
		c.resize(window)
	}
	c.promised = append(c.promised, said)
	return c.framer.WriteSettings(settings...)
}

func (c *client) resize(window int64) {
	for _, each := range c.streams {
		each.window += window - c.initialWindow
	}
	c.initialWindow = window
}

// until reads until `done`.
func (c *client) until(what string, done func() bool) error {
	c.connection.SetReadDeadline(time.Now().Add(patience))
	for !done() {
		if c.isClosed {
			return fmt.Errorf("the connection was closed before %s, %s", what, c.lastWords())
		}
		frame, err := c.framer.ReadFrame()
		if err != nil && isTimeout(err) {
			return fmt.Errorf("no %s", what)
		}
		if err != nil {
			c.isClosed = true
			continue
		}
		if err := c.take(frame); err != nil {
			return err
		}
	}
	return nil
}

func isTimeout(err error) bool {
	failure, is := err.(net.Error)
	return is && failure.Timeout()
}

func (c *client) lastWords() string {
	if c.goAway == nil {
		return "without GOAWAY"
	}
	return fmt.Sprintf("after GOAWAY %s", c.goAway.ErrCode)
}

// barrier returns when the server has read all that was sent, and has answered what it answers at once.
func (c *client) barrier() error {
	payload := [8]byte{'b', 'a', 'r', 'r', 'i', 'e', 'r', byte(len(c.pongs))}
	before := len(c.pongs)
	if err := c.framer.WritePing(false, payload); err != nil {
		return err
	}
	if err := c.until("answer to PING", func() bool { return len(c.pongs) > before }); err != nil {
		return err
	}
	if c.pongs[before] != payload {
		return fmt.Errorf("PING %q was answered with %q", payload, c.pongs[before])
	}
	return nil
}

// credit lets the server send more: on a stream, or on the connection when it is nil.
func (c *client) credit(on *stream, octets uint32) error {
	if on == nil {
		c.window += int64(octets)
		return c.framer.WriteWindowUpdate(0, octets)
	}
	on.window += int64(octets)
	return c.framer.WriteWindowUpdate(on.id, octets)
}
